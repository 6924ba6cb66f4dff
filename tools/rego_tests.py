"""Runs the Rego unit tests, and fails unless they cover every line that was written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from therapy_policy.opa import find_opa

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "policies"
GENERATED = {"therapy/request/well_formed.rego"}


def main() -> int:
    opa = find_opa()
    tests = subprocess.run([opa, "test", "--bundle", ".", "--fail-on-empty", "--timeout=120s"], cwd=POLICIES)
    if tests.returncode:
        return tests.returncode
    measured = subprocess.run(
        [opa, "test", "--bundle", ".", "--coverage", "--format=json", "--timeout=120s"],
        cwd=POLICIES,
        capture_output=True,
        check=True,
    )
    files = json.loads(measured.stdout)["files"]
    written = {str(path.relative_to(POLICIES)) for path in POLICIES.rglob("*.rego")} - GENERATED
    uncovered = [
        f"{name}:{span['start']['row']}-{span['end']['row']}"
        for name in sorted(written)
        for span in files.get(name, {"not_covered": [{"start": {"row": 1}, "end": {"row": 1}}]}).get("not_covered", [])
    ]
    for place in uncovered:
        print(f"not covered by a Rego test: {place}", file=sys.stderr)
    print(f"{len(written)} Rego files, {'all lines covered' if not uncovered else 'not all covered'}", file=sys.stderr)
    return 1 if uncovered else 0


if __name__ == "__main__":
    raise SystemExit(main())
