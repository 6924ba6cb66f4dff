"""Writes python/therapy_policy/review/figures.json: what the review says of tests, of coverage and of classes.

None of that is in a bundle. The Rego tests are run once; the classes are read out of docs/classes.md, which
`make classes` writes, so that the enumeration is not run again. The figures name the version and the digest of the
policy that they were made with, and a review of another one says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from therapy_policy.policy import bundles
from therapy_policy.policy.rego import opa_binary, syntax_tree

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "policies"
CLASSES = ROOT / "docs/classes.md"
FIGURES = ROOT / "python/therapy_policy/review/figures.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the figures are not fresh")
    options = parser.parse_args()
    print("running the Rego tests …", file=sys.stderr)
    made = json.dumps(figures(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if options.check:
        fresh = FIGURES.is_file() and FIGURES.read_text(encoding="utf-8") == made
        if not fresh:
            print(f"not fresh: {FIGURES.relative_to(ROOT)}; run `make generate` and commit it", file=sys.stderr)
        return 0 if fresh else 1
    FIGURES.write_text(made, encoding="utf-8")
    print(f"written: {FIGURES.relative_to(ROOT)}", file=sys.stderr)
    return 0


def figures() -> dict[str, Any]:
    bundle = bundles.load(str(POLICIES))
    therapy = bundle.data["therapy"]
    return {
        "policy_version": bundle.version,
        "bundle_sha256": hashlib.sha256(bundle.archive).hexdigest(),
        "coverage": coverage(),
        "tests": list(tests(words_of(therapy), set(therapy["register"]["reason_codes"]))),
        "classes": classes(CLASSES.read_text(encoding="utf-8")),
        "interpretations": interpretations(CLASSES.read_text(encoding="utf-8")),
    }


def opa(*arguments: str | Path) -> Any:
    done = subprocess.run([opa_binary(), *arguments], cwd=POLICIES, capture_output=True)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        raise SystemExit("error: the Rego tests do not pass, so there are no figures; see `make rego-test`")
    return json.loads(done.stdout)


def coverage() -> dict[str, float]:
    """How much of each page of rules the tests reach, in percent of its lines."""
    files = opa("test", "--bundle", ".", "--coverage", "--format=json", "--timeout=120s")["files"]
    return {name: found["coverage"] for name, found in files.items() if not name.endswith("_test.rego")}


# --- Rego tests ------------------------------------------------------------------------------------------------------


def words_of(therapy: dict[str, Any]) -> set[str]:
    """What a test may name that a reader of the review asks for: reason codes, and entries that cite a clause."""
    return set(therapy["register"]["reason_codes"]) | set(entries(therapy["parameters"]))


def entries(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, dict) and isinstance(value.get("clause"), str):
                yield name
            yield from entries(value)
    elif isinstance(tree, list):
        for each in tree:
            yield from entries(each)


def tests(words: set[str], codes: set[str]) -> Iterator[dict[str, Any]]:
    """Each test, the words that it names, and those that each of its cases names."""
    run = opa("test", "--bundle", ".", "--format=json", "--timeout=120s")
    for one in sorted(run, key=lambda each: (each["location"]["file"], each["location"]["row"])):
        file = one["location"]["file"]
        cases = set(one.get("sub_results") or {})
        named = Named(rules_of(file), words, codes, cases)
        named.read_rule(one["name"], named.all)
        yield {
            "file": file,
            "row": one["location"]["row"],
            "name": one["name"],
            "names": sorted(named.all),
            "cases": {case: sorted(named.by_case.get(case, set()) | {case} & words) for case in sorted(cases)},
        }


Parsed = dict[str, list[Any]]  # the rules of a page, by name
_parsed: dict[str, Parsed] = {}


def rules_of(file: str) -> Parsed:
    if file not in _parsed:
        rules: Parsed = {}
        for rule in syntax_tree((POLICIES / file).read_text(encoding="utf-8"))["rules"]:
            rules.setdefault(str(rule["head"]["ref"][0]["value"]), []).append(rule)
        _parsed[file] = rules
    return _parsed[file]


@dataclass
class Named:
    """The words that one test names: in itself, in the table of its cases, and by helpers that each stand for one."""

    rules: Parsed
    words: set[str]
    codes: set[str]  # those of the words that are reason codes
    cases: set[str]
    all: set[str] = field(default_factory=set)
    by_case: dict[str, set[str]] = field(default_factory=dict)
    reading: list[str] = field(default_factory=list)

    def read_rule(self, name: str, into: set[str]) -> None:
        if name in self.reading:
            return
        self.reading.append(name)
        self.read(self.rules.get(name, []), into)
        self.reading.pop()

    def read_helper(self, name: str, into: set[str]) -> None:
        named: set[str] = set()
        self.read_rule(name, named)
        if len(named) == 1:  # a table of every code says nothing of the test that looks one of them up
            into |= named

    def read(self, node: Any, into: set[str]) -> None:
        if isinstance(node, list):
            for each in node:
                self.read(each, into)
        elif isinstance(node, dict):
            value: Any = node.get("value")
            kind = node.get("type")
            if kind == "string":
                # An entry of a parameter stands in the requests and tables that many tests share, whatever they are
                # about; so only what a test says itself names one.
                named = self.words if len(self.reading) == 1 else self.codes
                into |= {word for word in re.split(r"[ /]", value) if word in named}
            elif kind == "var":
                self.read_helper(str(value), into)
            elif kind == "object" and self.cases and {key.get("value") for key, _ in value} == self.cases:
                for key, case in value:
                    self.read([key, case], self.by_case.setdefault(key["value"], set()))
            else:
                for each in node.values():
                    self.read(each, into)


# --- Classes ---------------------------------------------------------------------------------------------------------


def classes(report: str) -> dict[str, Any]:
    """How many classes each request type has, and how many each reason code decides, out of docs/classes.md."""
    deciding = report.partition("\n## Which rule decides\n")[2].partition("\n## ")[0]
    found = {}
    for section in deciding.split("\n### ")[1:]:
        name, _, text = section.partition("\n")
        rows = re.findall(r"^\| (\w+) \| (?:`(\w+)`|[a-z ]+) \| ([\d,]+) \|$", text, re.MULTILINE)
        decided = [
            {"outcome": outcome, "code": code or None, "classes": int(n.replace(",", ""))} for outcome, code, n in rows
        ]
        total = re.search(rf"^\| `{name}` \| ([\d,]+) \|", report, re.MULTILINE)
        number = sum(int(str(each["classes"])) for each in decided)
        if not total or int(total[1].replace(",", "")) != number:
            raise SystemExit(f"error: {CLASSES.name} cannot be read: what decides the classes of {name} is not all")
        found[name] = {"classes": number, "decided_by": decided}
    if not found:
        raise SystemExit(f"error: {CLASSES.name} does not say which rule decides; run `make classes`")
    return found


def interpretations(report: str) -> dict[str, int]:
    """How many classes have a reason that rests on each interpretation, out of docs/classes.md."""
    resting = report.partition("\n## What rests on each interpretation\n")[2].partition("\n## ")[0]
    found = {
        name: int(n.replace(",", "")) for name, n in re.findall(r"^\| (INT-\d+) \| ([\d,]+) \|$", resting, re.MULTILINE)
    }
    if not found:
        raise SystemExit(f"error: {CLASSES.name} does not say what rests on interpretations; run `make classes`")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
