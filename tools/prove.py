"""`make proof`: the deep proof, and its dated summary in docs/proof.md.

Three parts, each with progress, each resumable: random requests compared with the oracle on both engines, every class
of requests enumerated, every mutant of the rules and parameters run. A part that is done is not run again until the
policy, the tests or the tools change; a stopped part goes on where it can.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "build/proof"
SUMMARY = ROOT / "docs/proof.md"
LEAST_REQUESTS = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="run every part again, done or not")
    again = parser.parse_args().again
    STATE.mkdir(parents=True, exist_ok=True)
    digest = digest_of_sources()
    for name, command in parts():
        done = STATE / f"{name}.done"
        if not again and done.is_file() and done.read_text() == digest:
            print(f"{name}: done already", file=sys.stderr)
            continue
        print(f"{name}: {' '.join(map(str, command[1:]))}", file=sys.stderr, flush=True)
        counts = STATE / "counts.jsonl"
        if name == "requests":
            counts.unlink(missing_ok=True)
        environment = {**os.environ, "HYPOTHESIS_PROFILE": "proof", "THERAPY_PROOF_COUNTS": str(counts)}
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        if status:
            print(f"error: the part `{name}` failed; run `make proof` again to go on", file=sys.stderr)
            return 1
        done.write_text(digest)
    summary, sound = summarized()
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(summary, encoding="utf-8")
    print(summary)
    print(f"written to {SUMMARY.relative_to(ROOT)}", file=sys.stderr)
    return 0 if sound else 1


def parts() -> list[tuple[str, list[str | Path]]]:
    python = sys.executable
    return [
        ("requests", [python, "-m", "pytest", "-n", str(os.cpu_count()), "-q", "tests/properties"]),
        ("classes", [python, "tools/classes.py", "--json", STATE / "classes.json"]),
        ("mutants", [python, "tools/mutants.py", "--json", STATE / "mutants.json"]),
    ]


def digest_of_sources() -> str:
    digest = hashlib.sha256()
    for part in ("policies", "schemas", "tests", "tools", "python"):
        for path in sorted((ROOT / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def summarized() -> tuple[str, bool]:
    """The summary as Markdown, and whether everything in it is as it must be."""
    version = yaml.safe_load((ROOT / "policies/therapy/register/policy/data.yaml").read_text())["version"]
    requests, differences = defaultdict[str, int](int), defaultdict[str, int](int)
    for line in (STATE / "counts.jsonl").read_text().splitlines():
        count = json.loads(line)
        requests[count["engine"]] += count["requests"]
        differences[count["engine"]] += count["differences"]
    classes, mutants = read_json(STATE / "classes.json"), read_json(STATE / "mutants.json")
    sound = (
        min(requests.values()) >= LEAST_REQUESTS
        and not any(differences.values())
        and not classes["undecided"]
        and not classes["contradictory"]
        and not classes["differences"]
        and not mutants["surviving"]
    )
    lines = [
        f"# Proof of policy {version}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "",
        "Written by `make proof`.",
        "",
        "| what | figure |",
        "| --- | --- |",
        *(f"| random requests compared with the oracle, {engine} | {n:,} |" for engine, n in sorted(requests.items())),
        *(f"| differences, {engine} | {n:,} |" for engine, n in sorted(differences.items())),
        f"| classes of requests enumerated | {classes['classes']:,} |",
        f"| classes undecided | {classes['undecided']:,} |",
        f"| classes contradictory | {classes['contradictory']:,} |",
        f"| classes decided otherwise than by the oracle | {classes['differences']:,} |",
        *(f"| mutants {name.replace('_', ' ')} | {n:,} |" for name, n in mutants.items()),
        "",
        "The classes are listed in [classes.md](classes.md); the mutants that no test can tell from the policy in",
        "[equivalent_mutants.yaml](../tests/proof/equivalent_mutants.yaml), each with the reason.",
        "",
    ]
    return "\n".join(lines), sound


if __name__ == "__main__":
    raise SystemExit(main())
