"""The registers, the parameters and the rules are in step: a misspelt name is an error here, not a rule turned off."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from therapy_policy.policy.rego import read_rego
from therapy_policy.toolchain.opa import find_opa

POLICIES = Path(__file__).parents[2] / "policies"
THERAPY = POLICIES / "therapy"


def register(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((THERAPY / f"register/{name}/data.yaml").read_text(encoding="utf-8")))


CODES = register("reason_codes")
CLAUSES = register("clauses")
INTERPRETATIONS = register("interpretations")
PARAMETERS = yaml.safe_load((THERAPY / "parameters/data.yaml").read_text(encoding="utf-8"))


def rule_files() -> list[Path]:
    return sorted(path for path in POLICIES.rglob("*.rego") if not path.name.endswith("_test.rego"))


@cache
def metadata() -> list[dict[str, Any]]:
    """The METADATA of every package and rule."""
    inspected = subprocess.run(
        [find_opa(), "inspect", "--annotations", "--format=json", "."], cwd=POLICIES, capture_output=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(inspected.stdout)["annotations"]
    return [each for each in found if not each["location"]["file"].endswith("_test.rego")]


def parameters(tree: Any = None, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in (PARAMETERS if tree is None else tree).items():
        if "periods" in value:
            yield f"{path}{name}", value
        else:
            yield from parameters(value, f"{path}{name}.")


def test_every_code_has_a_rule_and_every_rule_with_a_code_has_a_title() -> None:
    rules = read_rego(
        {str(path.relative_to(POLICIES)): path.read_text(encoding="utf-8") for path in rule_files()}
    ).rules
    named = {(rule.file, rule.row): rule.texts & CODES.keys() for rule in rules}
    assert {code for codes in named.values() for code in codes} == CODES.keys()
    assert [where for where, codes in named.items() if len(codes) > 1] == []
    assert [rule.row for rule in rules if named[rule.file, rule.row] and not rule.title] == []


def test_every_package_has_a_title_and_a_description() -> None:
    described = {
        each["location"]["file"]
        for each in metadata()
        if each["annotations"]["scope"] == "package"
        and each["annotations"].get("title")
        and each["annotations"].get("description")
    }
    assert described == {str(path.relative_to(POLICIES)) for path in rule_files()}


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: path.stem)
def test_a_rule_names_only_registered_codes(path: Path) -> None:
    named = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', path.read_text(encoding="utf-8")))
    assert named <= CODES.keys()


def test_every_code_is_tested_in_rego() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in POLICIES.rglob("*_test.rego"))
    assert {code for code in CODES if f'"{code}"' not in tests} == set()


def test_no_two_entries_have_the_same_order() -> None:
    for entries in (CODES, CLAUSES):
        orders = [entry["order"] for entry in entries.values()]
        assert len(set(orders)) == len(entries)
        assert orders == sorted(orders), "the register is written in the order of decisions and pages"


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_whole(code: str) -> None:
    entry = CODES[code]
    assert entry.keys() - {"applies_to", "no_remedy_because"} == {
        "order", "effect", "clauses", "interpretation", "message", "remedy",
    }  # fmt: skip
    assert entry["effect"] in {"invalid", "scope", "deny", "pend", "info"}
    assert entry.get("applies_to", "line") in {"line", "units"}, "left out for the whole request"
    assert set(entry["clauses"]) <= CLAUSES.keys()
    assert entry["interpretation"] is None or entry["interpretation"] in INTERPRETATIONS
    assert entry["message"].endswith(".")
    if entry["effect"] == "deny":
        assert entry["clauses"], "a denial cites a clause of the source"
    if entry["effect"] in {"scope", "deny", "pend"}:
        assert bool(entry["remedy"]) != bool(entry.get("no_remedy_because")), "a remedy, or why there is none"


def test_every_clause_that_decides_is_cited() -> None:
    cited = {clause for entry in CODES.values() for clause in entry["clauses"]}
    cited |= {clause for _, parameter in parameters() for clause in parameter["clauses"]}
    deciding = {clause for clause, entry in CLAUSES.items() if entry["kind"] in {"rule", "attested"}}
    assert cited - {"AUTH-1"} == deciding  # the contact is a parameter, and is only shown
    assert {entry["kind"] for entry in CLAUSES.values()} == {"rule", "attested", "info", "external"}


def test_every_interpretation_of_reasons_is_used() -> None:
    used = {entry["interpretation"] for entry in CODES.values()} - {None}
    assert used == {name for name, entry in INTERPRETATIONS.items() if entry["visible_in"] == "reasons"}


@pytest.mark.parametrize("name", [name for name, _ in parameters()])
def test_a_parameter_holds_in_order_from_its_first_date(name: str) -> None:
    parameter = dict(parameters())[name]
    assert parameter.keys() == {"title", "clauses", "periods"}
    dates = [period["from"] for period in parameter["periods"]]
    assert all(isinstance(each, str) and date.fromisoformat(each) for each in dates)
    assert dates == sorted(set(dates))
    assert all(period.keys() == {"from", "value"} for period in parameter["periods"])
    if name != "outpatient_pt.initial_visits":  # where the physical therapy rules begin, and only there
        assert dates[0] == "1900-01-01", "a parameter that does not hold on a date would turn its rules off"


def test_every_parameter_that_a_rule_reads_is_there() -> None:
    read = {
        name
        for path in rule_files()
        for name in re.findall(r"data\.therapy\.parameters\.([a-z_.]+)\.periods", path.read_text(encoding="utf-8"))
    }
    mentioned = sum(path.read_text(encoding="utf-8").count("therapy.parameters") for path in rule_files())
    spelt_out = sum(
        len(re.findall(r"data\.therapy\.parameters\.[a-z_.]+\.periods", path.read_text(encoding="utf-8")))
        for path in rule_files()
    )
    assert mentioned == spelt_out, "a parameter is read by its whole name"
    assert read == {name for name, _ in parameters()}


def negated_calls(path: Path) -> Iterator[str]:
    """Calls below `not` with an argument that may be undefined."""
    parsed = subprocess.run(
        [find_opa(), "parse", "--format=json", "--json-include=locations", path], capture_output=True, check=True
    )

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if node.get("negated") and isinstance(node.get("terms"), list):
                for term in node["terms"][1:]:
                    if any(undefinable(term)):
                        yield f"{path.name}:{node['location']['row']}"
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    def undefinable(term: Any) -> Iterator[bool]:
        if isinstance(term, dict) and term.get("type") == "ref":
            steps = [step["value"] for step in term["value"]]
            yield steps[0] == "input" and len(steps) > 2
        elif isinstance(term, dict) and term.get("type") == "call":
            yield True
        elif isinstance(term, dict):
            yield from undefinable(term.get("value"))
        elif isinstance(term, list):
            for each in term:
                yield from undefinable(each)

    yield from walk(json.loads(parsed.stdout))


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: path.stem)
def test_no_negated_call_has_an_argument_that_may_be_undefined(path: Path) -> None:
    # OPA takes such an argument out of the `not`: where it is undefined the whole rule falls silent, and approves.
    assert list(negated_calls(path)) == []


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: path.stem)
def test_no_field_of_the_request_is_negated_bare(path: Path) -> None:
    # `not input.x` is false where x is null, which says as little as an absent one.
    assert re.findall(r"\bnot input\.[\w.]+$", path.read_text(encoding="utf-8"), re.MULTILINE) == []


@pytest.mark.parametrize("name", INTERPRETATIONS)
def test_an_interpretation_is_whole(name: str) -> None:
    entry = INTERPRETATIONS[name]
    assert entry.keys() == {"silence", "choice", "visible_in", "review"}
    assert entry["visible_in"] in {"reasons", "requests", "rules"}
    if entry["review"] is not None:
        assert entry["review"].keys() == {"reviewer", "date", "verdict"}
        assert entry["review"]["reviewer"].strip()
        assert date.fromisoformat(entry["review"]["date"])
        assert entry["review"]["verdict"] in {"confirmed", "to_change"}


def test_every_clause_stands_in_a_paragraph_of_the_source() -> None:
    paragraphs = register("source")["paragraphs"]
    assert all(re.fullmatch("[0-9a-f]{16}", paragraph["fingerprint"]) for paragraph in paragraphs)
    assert {clause for paragraph in paragraphs for clause in paragraph["clauses"]} == CLAUSES.keys()
