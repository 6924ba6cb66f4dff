"""Runs the Rego unit tests, and fails unless they cover every line that was written by hand.

They are evaluated a second time with every error of a built-in function fatal. OPA treats such an error as "undefined"
otherwise, and a rule that falls silent on a value that nobody thought of could be an approval.

What a run finds is kept in build/rego_tests.json until the policies change: the figures of the review come from it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from therapy_policy.policy.rego import opa_binary, read_rego
from therapy_policy.toolchain.opa import opa_environment

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "policies"
RESULTS = ROOT / "build/rego_tests.json"
GENERATED = {"therapy/request/free_texts.rego", "therapy/request/well_formed.rego"}
STRICT_EVAL = ("eval", "--bundle", ".", "--strict-builtin-errors", "--format=json")


class TestsFailed(Exception):
    """Some Rego test does not pass, or a line is not covered; the message says which."""


def main() -> int:
    try:
        results()
    except TestsFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    files = hand_written(POLICIES)
    print(f"{len(files)} Rego files, all lines covered", file=sys.stderr)
    return 0


def results() -> dict[str, Any]:
    """The tests with their cases, and the coverage of each file in percent, from a run on the policies as they are.

    Raises `TestsFailed`.
    """
    digest = digest_of(POLICIES)
    if RESULTS.is_file():
        kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
        if kept["digest"] == digest:
            return kept
    print("running the Rego tests …", file=sys.stderr)
    new = {"digest": digest, "coverage": coverage(), "tests": tests()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(new), encoding="utf-8")
    return new


def digest_of(policies: Path) -> str:
    version = opa("version").stdout.partition("\n")[0]
    digest = hashlib.sha256(f"{version} {Path(__file__).read_text(encoding='utf-8')}".encode())
    for path in sorted(policies.rglob("*")):
        if path.is_file():
            digest.update(f"\0{path.relative_to(policies)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def opa(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [opa_binary(), *arguments], cwd=POLICIES, env=opa_environment(), capture_output=True, text=True
    )


def coverage() -> dict[str, float]:
    """How much of each file of rules the tests reach, in percent of its lines; all of it, or `TestsFailed`."""
    run = ("test", "--bundle", ".", "--fail-on-empty", "--timeout=120s")
    measured = opa(*run, "--coverage", "--format=json")
    if measured.returncode:
        failed = opa(*run)
        raise TestsFailed(failed.stdout + failed.stderr + measured.stderr)
    files = json.loads(measured.stdout)["files"]
    nothing = {"not_covered": [{"start": {"row": 1}, "end": {"row": 1}}]}
    uncovered = [
        f"not covered by a Rego test: {name}:{span['start']['row']}-{span['end']['row']}"
        for name in sorted(hand_written(POLICIES))
        for span in files.get(name, nothing).get("not_covered", [])
    ]
    if uncovered:
        raise TestsFailed("\n".join(uncovered))
    return {name: measured["coverage"] for name, measured in files.items() if not name.endswith("_test.rego")}


def hand_written(policies: Path) -> set[str]:
    return {str(path.relative_to(policies)) for path in policies.rglob("*.rego")} - GENERATED


def tests() -> list[dict[str, Any]]:
    """Each test with its file, its row and the names of its cases, from a strict evaluation of all of them."""
    pages = pages_of_tests(POLICIES)
    strict = opa(*STRICT_EVAL, values_of(list(pages)))
    if strict.returncode:
        error = json.loads(strict.stdout)["errors"][0]
        place = error.get("location", {})
        raise TestsFailed(f"a rule relies on an error, {place.get('file')}:{place.get('row')}: {error['message']}")
    values = json.loads(strict.stdout)["result"][0]["expressions"][0]["value"]
    return [
        {
            "file": str(path.relative_to(POLICIES)),
            "row": rows[name],
            "name": name,
            "cases": sorted(value) if isinstance(value, dict) else [],
        }
        for (_, path), of_page in zip(pages.items(), values, strict=True)
        for rows in [rows_of_tests(path)]
        for name, value in sorted(of_page.items(), key=lambda item: rows[item[0]])
    ]


def rows_of_tests(path: Path) -> dict[str, int]:
    """The row of the first definition of each test rule of a page."""
    rules = read_rego({path.name: path.read_text(encoding="utf-8")}).rules
    return {rule.name: rule.row for rule in reversed(rules) if rule.name.startswith("test_")}


def pages_of_tests(policies: Path) -> dict[str, Path]:
    """The pages that have test rules, by the package of each."""
    paths = sorted(policies.rglob("*_test.rego"))
    rego = read_rego({str(path): path.read_text(encoding="utf-8") for path in paths})
    return {
        ".".join(("data", *page.package)): Path(page.file)
        for page in rego.pages
        if any(rule.name.startswith("test_") for rule in page.rules)
    }


def values_of(packages: Sequence[str]) -> str:
    """A query for the values of the test rules of packages: for each package an object, by the name of the rule."""
    values = (f'{{name: value | value := {each}[name]; startswith(name, "test_")}}' for each in packages)
    return f"[{', '.join(values)}]"


if __name__ == "__main__":
    raise SystemExit(main())
