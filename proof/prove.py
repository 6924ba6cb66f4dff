"""`make proof`: the deep proof, and its dated summary in docs/proof.md.

Three parts, each with progress, each resumable: random requests compared with the oracle on both engines, every class
of requests enumerated, every mutant of the rules and parameters run. What is done is not done again until what it
rests on changes, OPA included; a run that was stopped goes on with the property tests from their beginning, with the
classes at the request type and with the mutants at the mutant where it was. The summary gives each part its own date.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from therapy_policy.policy import bundles
from therapy_policy.toolchain.opa import find_opa

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "build/proof"
SUMMARY = ROOT / "docs/proof.md"
LEAST_REQUESTS = 100_000
TESTED_WITH = (
    *(f"proof/{name}.py" for name in ("oracle", "strategies", "judged")),
    *(f"tests/{name}.py" for name in ("running", "conftest")),
    "python/therapy_policy/client",
    "python/therapy_policy/sidecar",
    "python/therapy_policy/policy/packaged",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="run every part again, done or not")
    again = parser.parse_args().again
    STATE.mkdir(parents=True, exist_ok=True)
    again = another_opa() or again
    for name, prove in (("requests", prove_requests), ("classes", prove_classes), ("mutants", prove_mutants)):
        print(f"{name} …", file=sys.stderr, flush=True)
        if prove(again):
            print(f"error: the part `{name}` failed; run `make proof` again to go on", file=sys.stderr)
            return 1
    summary, sound = summarized()
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(summary, encoding="utf-8")
    print(summary)
    print(f"written to {SUMMARY.relative_to(ROOT)}", file=sys.stderr)
    return 0 if sound else 1


def another_opa() -> bool:
    """Whether what is kept was done with another version of OPA."""
    kept, version = STATE / "opa", opa_version()
    another = kept.is_file() and kept.read_text() != version
    kept.write_text(version)
    return another


def opa_version() -> str:
    told = subprocess.run([find_opa(), "version"], capture_output=True, text=True, check=True)
    return told.stdout.partition("\n")[0].removeprefix("Version: ")


def prove_requests(again: bool) -> int:
    """The property tests, with the deep profile; they add what they compared to a file of counts."""
    counts, done = STATE / "counts.jsonl", STATE / "requests.done"
    digest = digest_of("policies", "schemas", "tests/properties", *TESTED_WITH)
    if not again and done.is_file() and done.read_text() == digest:
        print("done already", file=sys.stderr)
        return 0
    counts.unlink(missing_ok=True)
    deep = {"HYPOTHESIS_PROFILE": "proof", "THERAPY_PROOF_COUNTS": str(counts)}
    status = run([sys.executable, "-m", "pytest", "-n", str(os.cpu_count()), "-q", "tests/properties"], deep)
    if not status:
        done.write_text(digest)
    return status


def prove_classes(again: bool) -> int:
    if again:
        shutil.rmtree(ROOT / "build/classes", ignore_errors=True)
    return run([sys.executable, "-m", "proof.classes", "--json", STATE / "classes.json"])


def prove_mutants(again: bool) -> int:
    if again:
        (ROOT / "build/mutants.jsonl").unlink(missing_ok=True)
    return run([sys.executable, "-m", "proof.mutants", "--json", STATE / "mutants.json"])


def run(command: list[str | Path], more: dict[str, str] | None = None) -> int:
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(more or {})}).returncode


def digest_of(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        top = ROOT / part
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def day_of(*files: Path) -> str:
    """The day on which the newest of some files was written, which is when what is in it was found."""
    newest = max(path.stat().st_mtime for path in files)
    return f"{datetime.datetime.fromtimestamp(newest, datetime.UTC):%Y-%m-%d}"


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def summarized() -> tuple[str, bool]:
    """The summary as Markdown, and whether everything in it is as it must be."""
    bundle = bundles.packaged_bundle()
    requests, differences = defaultdict[str, int](int), defaultdict[str, int](int)
    for line in (STATE / "counts.jsonl").read_text().splitlines():
        count = json.loads(line)
        requests[count["engine"]] += count["requests"]
        differences[count["engine"]] += count["differences"]
    classes, mutants = read_json(STATE / "classes.json"), read_json(STATE / "mutants.json")
    made = Counter(mutants["all"])
    whole_classes = [each for each in (ROOT / "build/classes").glob("*.json") if not each.stem.endswith(".quick")]
    sound = (
        requests.keys() >= {"embedded", "sidecar"}
        and min(requests.values()) >= LEAST_REQUESTS
        and not any(differences.values())
        and not classes["undecided"]
        and not classes["contradictory"]
        and not classes["differences"]
        and mutants["whole"]
        and not mutants["surviving"]
    )
    lines = [
        f"# Proof of policy {bundle.version}",
        "",
        "Written by `make proof`, each part with the day on which it was last done, of this bundle:",
        "",
        f"SHA-256 `{hashlib.sha256(bundle.archive).hexdigest()}`, with OPA {opa_version()}",
        "",
        "| what | figure |",
        "| --- | --- |",
        f"| **requests compared** | {day_of(STATE / 'counts.jsonl')} |",
        *(f"| random requests compared with the oracle, {engine} | {n:,} |" for engine, n in sorted(requests.items())),
        *(f"| differences, {engine} | {n:,} |" for engine, n in sorted(differences.items())),
        f"| **classes enumerated** | {day_of(*whole_classes)} |",
        f"| classes of requests enumerated | {classes['classes']:,} |",
        f"| classes undecided | {classes['undecided']:,} |",
        f"| classes contradictory | {classes['contradictory']:,} |",
        f"| classes decided otherwise than by the oracle | {classes['differences']:,} |",
        f"| **mutants run** | {day_of(ROOT / 'build/mutants.jsonl')} |",
        f"| mutants made | {made['made']:,} |",
        f"| mutants that the compiler refuses | {made['stillborn']:,} |",
        f"| mutants killed by the Rego tests alone | {made['killed by Rego tests']:,} |",
        f"| mutants killed by the corpus of requests and the lints only | {made['killed by suite']:,} |",
        f"| mutants equivalent | {made['equivalent']:,} |",
        f"| mutants surviving | {made['surviving']:,} |",
        f"| score of the Rego tests alone | {mutants['scores']['Rego tests']:.1%} |",
        "",
        "The classes are listed in [classes.md](classes.md); the mutants that no test can tell from the policy in",
        "[equivalent_mutants.yaml](../proof/equivalent_mutants.yaml), each with the reason.",
        "",
    ]
    return "\n".join(lines), sound


if __name__ == "__main__":
    raise SystemExit(main())
