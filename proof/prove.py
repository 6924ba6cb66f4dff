"""`make proof`: the full proof, and its dated summary in docs/proof.md.

It has three parts: random requests compared with the oracle on both engines, every request class decided, and every
mutant of the rules and parameters run. Each part shows its progress. A finished part is not repeated until something
that it depends on changes, OPA included. An interrupted run resumes with the file of property tests, the request type
or the mutant where it stopped. The summary gives each part its own date.
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
    *(f"proof/{name}.py" for name in ("oracle", "strategies", "comparison", "policy_in_force")),
    *(f"tests/{name}.py" for name in ("running", "conftest")),
    "python/therapy_policy/client",
    "python/therapy_policy/sidecar",
    "python/therapy_policy/policy/packaged",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="run every part again, even if it is up to date")
    again = parser.parse_args().again
    STATE.mkdir(parents=True, exist_ok=True)
    again = opa_changed() or again
    for name, prove in (("requests", prove_requests), ("classes", prove_classes), ("mutants", prove_mutants)):
        print(f"{name} …", file=sys.stderr, flush=True)
        if prove(again):
            print(f"error: the part `{name}` failed; run `make proof` again to resume", file=sys.stderr)
            return 1
    summary, passed = summarize()
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(summary, encoding="utf-8")
    print(summary)
    print(f"wrote {SUMMARY.relative_to(ROOT)}", file=sys.stderr)
    return 0 if passed else 1


def opa_changed() -> bool:
    """Whether the last results came from another version of OPA."""
    record, version = STATE / "opa", opa_version()
    changed = record.is_file() and record.read_text() != version
    record.write_text(version)
    return changed


def opa_version() -> str:
    version = subprocess.run([find_opa(), "version"], capture_output=True, text=True, check=True)
    return version.stdout.partition("\n")[0].removeprefix("Version: ")


def prove_requests(again: bool) -> int:
    """Run each file of property tests with the deep profile; they add the number of comparisons to a file."""
    for file in sorted((ROOT / "tests/properties").glob("test_*.py")):
        counts, done = STATE / f"counts-{file.stem}.jsonl", STATE / f"{file.stem}.done"
        digest = digest_of_requests(file)
        if not again and done.is_file() and done.read_text() == digest:
            print(f"{file.stem}: up to date", file=sys.stderr)
            continue
        counts.unlink(missing_ok=True)
        deep = {"HYPOTHESIS_PROFILE": "proof", "THERAPY_PROOF_COUNTS": str(counts)}
        if status := run([sys.executable, "-m", "pytest", "-n", str(os.cpu_count()), "-q", file], deep):
            return status
        done.write_text(digest)
    return 0


def digest_of_requests(file: Path) -> str:
    """A digest of all that a file of property tests depends on: it, what the files share, and what they test."""
    shared = [path for path in (ROOT / "tests/properties").glob("*.py") if not path.name.startswith("test_")]
    return digest_of("policies", "schemas", *TESTED_WITH, *(str(path.relative_to(ROOT)) for path in (*shared, file)))


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
            left_out = path.suffix == ".md" or path.name.endswith("_test.rego") or "__pycache__" in path.parts
            if path.is_file() and not left_out:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def day_of(*files: Path) -> str:
    """The day when the newest of these files was written, which is the day of its results."""
    newest = max(path.stat().st_mtime for path in files)
    return f"{datetime.datetime.fromtimestamp(newest, datetime.UTC):%Y-%m-%d}"


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def summarize() -> tuple[str, bool]:
    """The summary as Markdown, and whether every part passed."""
    bundle = bundles.packaged_bundle()
    requests, differences = defaultdict[str, int](int), defaultdict[str, int](int)
    counts = sorted(STATE.glob("counts-*.jsonl"))
    for line in (line for file in counts for line in file.read_text().splitlines()):
        count = json.loads(line)
        requests[count["engine"]] += count["requests"]
        differences[count["engine"]] += count["differences"]
    classes, mutants = read_json(STATE / "classes.json"), read_json(STATE / "mutants.json")
    made = Counter(mutants["all"])
    whole_classes = [each for each in (ROOT / "build/classes").glob("*.json") if not each.stem.endswith(".quick")]
    passed = (
        requests.keys() >= {"embedded", "sidecar"}
        and min(requests.values()) >= LEAST_REQUESTS
        and not any(differences.values())
        and not classes["undecided"]
        and not classes["contradictory"]
        and not classes["differences"]
        and not classes["inconsistent"]
        and not classes["not_combined"]
        and not classes["answers"]
        and mutants["whole"]
        and not mutants["surviving"]
    )
    lines = [
        f"# Proof of policy {bundle.version}",
        "",
        "Written by `make proof` for the policy below. The digest is of what decides; new wording does not change it.",
        "Each part has the date of its last run.",
        "",
        f"Policy {bundle.version}, digest `{bundle.digest}`, with OPA {opa_version()}",
        "",
        "| result | number |",
        "| --- | --- |",
        f"| **requests compared** | {day_of(*counts)} |",
        *(f"| random requests compared with the oracle, {engine} | {n:,} |" for engine, n in sorted(requests.items())),
        *(f"| differences, {engine} | {n:,} |" for engine, n in sorted(differences.items())),
        f"| **request classes decided** | {day_of(*whole_classes)} |",
        f"| classes decided | {classes['classes']:,} |",
        f"| classes undecided | {classes['undecided']:,} |",
        f"| classes contradictory | {classes['contradictory']:,} |",
        f"| classes decided differently by the oracle | {classes['differences']:,} |",
        f"| classes inconsistent within themselves | {classes['inconsistent']:,} |",
        f"| classes with a wrong standard answer | {classes['answers']:,} |",
        f"| **mutants run** | {day_of(ROOT / 'build/mutants.jsonl')} |",
        f"| mutants | {made['made']:,} |",
        f"| mutants that the compiler rejects | {made['stillborn']:,} |",
        f"| mutants killed by the Rego tests alone | {made['killed by Rego tests']:,} |",
        f"| mutants killed only by the corpus of requests and the lints | {made['killed by suite']:,} |",
        f"| slips in the parameters, none of which grants a request more | {made['grants no more']:,} |",
        f"| equivalent mutants | {made['equivalent']:,} |",
        f"| surviving mutants | {made['surviving']:,} |",
        f"| score of the Rego tests alone | {mutants['scores']['Rego tests']:.1%} |",
        "",
        "[classes.md](classes.md) lists the classes.",
        "[equivalent_mutants.yaml](../proof/equivalent_mutants.yaml) lists the mutants that no test can distinguish",
        "from the policy, each with the reason.",
        "",
    ]
    return "\n".join(lines), passed


if __name__ == "__main__":
    raise SystemExit(main())
