"""Runs the Rego unit tests, and fails unless they cover every line that was written by hand.

They are evaluated a second time with every error of a built-in function fatal. OPA takes such an error for "undefined"
otherwise, and a rule that falls silent on a value that nobody thought of could be an approval.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from therapy_policy.toolchain.opa import find_opa

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "policies"
GENERATED = {"therapy/request/well_formed.rego"}
STRICT_EVAL = ("eval", "--bundle", ".", "--strict-builtin-errors", "--format=json")


def main() -> int:
    opa = find_opa()
    tests = subprocess.run([opa, "test", "--bundle", ".", "--fail-on-empty", "--timeout=120s"], cwd=POLICIES)
    if tests.returncode:
        return tests.returncode
    strict = subprocess.run(
        [opa, *STRICT_EVAL, values_of(list(pages_of_tests(POLICIES)))], cwd=POLICIES, capture_output=True
    )
    if strict.returncode:
        error = json.loads(strict.stdout)["errors"][0]
        place = error.get("location", {})
        print(f"a rule rests on an error, {place.get('file')}:{place.get('row')}: {error['message']}", file=sys.stderr)
        return 1
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


def pages_of_tests(policies: Path) -> dict[str, Path]:
    """The pages that have test rules, by the package of each."""
    found = {}
    for path in sorted(policies.rglob("*_test.rego")):
        text = path.read_text(encoding="utf-8")
        package = re.search(r"^package (\S+)", text, re.MULTILINE)
        if package and re.search(r"^test_", text, re.MULTILINE):
            found[f"data.{package[1]}"] = path
    return found


def values_of(packages: list[str]) -> str:
    """A query for what the test rules of packages are worth: for each package an object, by the name of the rule."""
    values = (f'{{name: value | value := {each}[name]; startswith(name, "test_")}}' for each in packages)
    return f"[{', '.join(values)}]"


if __name__ == "__main__":
    raise SystemExit(main())
