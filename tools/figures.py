"""Writes python/therapy_policy/review/figures.json: what the review says of tests, of coverage and of classes.

None of that is in a bundle. The tests come from tools/rego_tests.py, the classes from proof/results/classes.json, which
`make classes` writes, so that the enumeration is not run again, and the last full proof from docs/proof.md, which
`make proof` writes. Which fields decide under a clause is seen by deciding a sample of the classes. Each names the
policy that it was made with, and a review of another one says so.

In pages that people write, it keeps in step what depends on the policy: a warning below figures that were measured with
another one, and the versions in the examples of docs/changes.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from therapy_policy.classes import request_types
from therapy_policy.policy import bundles
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.rego import syntax_tree
from therapy_policy.policy.releases import releases_of, version_number
from tools import rego_tests

ROOT = Path(__file__).resolve().parent.parent
POLICIES = ROOT / "policies"
CLASSES = ROOT / "proof/results/classes.json"
PROOF = ROOT / "docs/proof.md"
FIGURES = ROOT / "python/therapy_policy/review/figures.json"
MEASURED = tuple(ROOT / f"docs/{name}.md" for name in ("benchmarks", "classes", "proof"))
SECTIONS = (  # the figures of `make soak` and `make bench-spark`, and those that were measured and written by hand
    (ROOT / "docs/operations.md", "### What one request can cost"),
    (ROOT / "docs/operations.md", "## Under load and faults"),
    (ROOT / "deploy/README.md", "## Memory and processor"),
    (ROOT / "docs/spark.md", "## Measured"),
)
GUIDES, TRIED = ROOT / "docs/changes.md", "## What was tried"  # its examples name versions; what was tried stays
NOT_PROVEN = "> **Not proven for this version.**"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the figures are not up to date")
    options = parser.parse_args()
    bundle = bundles.load(str(POLICIES))
    new = {FIGURES: json.dumps(figures(bundle), indent=1, sort_keys=True, ensure_ascii=False) + "\n"}
    new |= {page: with_warning(page.read_text(encoding="utf-8"), bundle) for page in MEASURED}
    for page, heading in SECTIONS:
        text = new.get(page) or page.read_text(encoding="utf-8")
        new[page] = with_warning_in_section(text, heading, bundle)
    newest = releases_of(ROOT)[-1].version
    new[GUIDES] = with_newest_release(GUIDES.read_text(encoding="utf-8"), newest)
    stale = [path for path, text in new.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if options.check:
            print(f"out of date: {path.relative_to(ROOT)}; run `make generate` and commit it", file=sys.stderr)
        else:
            path.write_text(new[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return 1 if options.check and stale else 0


def with_warning(page: str, bundle: Bundle) -> str:
    """A page of figures, with a warning below its heading if they were measured for another policy than this bundle."""
    heading, _, rest = page.partition("\n\n")
    if rest.startswith(NOT_PROVEN):
        rest = rest.partition("\n\n")[2]
    if f"`{bundle.digest}`" in rest:
        return f"{heading}\n\n{rest}"
    warning = (
        f"{NOT_PROVEN} These figures are for the policy with the digest below.\n> This is policy {bundle.revision}."
    )
    return f"{heading}\n\n{warning}\n\n{rest}"


def with_warning_in_section(page: str, heading: str, bundle: Bundle) -> str:
    """A page with the warning below one heading, if the figures up to the next heading are of another policy."""
    section = re.search(rf"^{re.escape(heading)}\n.*?(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError(f"there is no heading {heading!r}")
    return page[: section.start()] + with_warning(section[0], bundle) + page[section.end() :]


def with_newest_release(page: str, newest: str) -> str:
    """A page of guides whose examples name the newest release and the next patch, minor and major version.

    Raises `ValueError` if it names another version.
    """
    examples, heading, tried = page.partition(TRIED)
    named = re.search(r"the newest release is (\d+\.\d+\.\d+)", examples)
    if named is None:
        raise ValueError("the page does not say which release is the newest")
    now = dict(zip(versions_from(named[1]), versions_from(newest), strict=True))

    def version_now(found: re.Match[str]) -> str:
        if found[0] not in now:
            raise ValueError(f"{found[0]} is not {named[1]}, nor a version after it")
        return now[found[0]]

    return re.sub(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.]*\d)", version_now, examples) + heading + tried


def versions_from(version: str) -> list[str]:
    major, minor, patch = version_number(version)
    return [version, f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0"]


def figures(bundle: Bundle) -> dict[str, Any]:
    therapy = bundle.data["therapy"]
    results = rego_tests.results()
    words = words_of(therapy)
    codes = set(therapy["register"]["reason_codes"])
    return {
        "policy_version": bundle.version,
        "policy_digest": bundle.digest,
        "coverage": results["coverage"],
        "tests": [with_names(test, words, codes) for test in results["tests"]],
        "classes": json.loads(CLASSES.read_text(encoding="utf-8")),
        "fields": fields_by_clause(bundle),
        "proof": proof_of(PROOF.read_text(encoding="utf-8")),
    }


# --- The last full proof ---------------------------------------------------------------------------------------------


def proof_of(page: str) -> dict[str, Any]:
    """What docs/proof.md says: the policy, and the parts of the proof with the date and the numbers of each.

    Raises `ValueError` if the page is not as `make proof` writes it.
    """
    policy = re.search(r"^Policy (\S+), digest `([0-9a-f]{64})`, with OPA (\S+)$", page, re.MULTILINE)
    rows = re.findall(r"^\| (.+) \| (.+) \|$", page, re.MULTILINE)
    parts: list[dict[str, Any]] = []
    for name, number in rows[2:]:  # below the heading and its rule
        if bold := re.fullmatch(r"\*\*(.+)\*\*", name):
            parts.append({"name": bold[1], "date": number, "results": []})
        else:
            parts[-1]["results"].append([name, number])
    if not policy or not parts:
        raise ValueError(f"{PROOF.name} does not name the policy and the parts of its proof")
    return {"policy_version": policy[1], "policy_digest": policy[2], "opa": policy[3], "parts": parts}


# --- Fields that decide ----------------------------------------------------------------------------------------------


def fields_by_clause(bundle: Bundle) -> dict[str, list[str]]:
    """The fields that a reason with a clause names in a sample of the request classes, as JSON Pointers, by clause.

    Elements of a list have no numbers. What only contains other such fields is left out, as is the whole request.
    """
    fields: dict[str, dict[str, None]] = {}
    with bundle.client() as client:
        # A sample needs no signatures.
        for kind in request_types([bundle.data], lambda requests: []).values():
            requests = [kind.write(kind.sample.class_at(number)) for number in range(kind.sample.size)]
            for decision in client.decide_many(requests):
                for reason in decision["reasons"]:
                    path = re.sub(r"/\d+(?=/|$)", "", reason["path"])
                    for clause in reason["clauses"]:
                        fields.setdefault(clause, {})[path] = None
    return {
        clause: [path for path in paths if path and not any(other.startswith(f"{path}/") for other in paths)]
        for clause, paths in fields.items()
    }


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


def with_names(test: dict[str, Any], words: set[str], codes: set[str]) -> dict[str, Any]:
    """A test, the words that it names, and those that each of its cases names."""
    cases = set(test["cases"])
    named = Named(rules_of(test["file"]), words, codes, cases)
    named.read_rule(test["name"], named.all)
    return test | {
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
                # An entry of a parameter appears in requests and tables that many tests share, whatever they are
                # about. So only the test itself can name one.
                named = self.words if len(self.reading) == 1 else self.codes
                into |= {word for word in re.split(r"[ /]", value) if word in named}
            elif kind == "var":
                self.read_helper(str(value), into)
            elif kind == "object" and self.cases and names_in(value) == self.cases:
                for key, case in value:
                    self.read([key, case], self.by_case.setdefault(key["value"], set()))
            else:
                for each in node.values():
                    self.read(each, into)


def names_in(entries: list[Any]) -> set[str]:
    """The names of an object's fields that are plain texts."""
    return {key["value"] for key, _ in entries if key.get("type") == "string"}


if __name__ == "__main__":
    raise SystemExit(main())
