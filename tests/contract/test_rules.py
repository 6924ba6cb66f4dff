"""The rules as their syntax trees say them: what they name exists, and no rule can fall silent by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from therapy_policy.policy.rego import ENTRY_PACKAGE, DataPath, Page, Rego, read_rego, syntax_tree

POLICIES = Path(__file__).parents[2] / "policies"
FILES = sorted(path for path in POLICIES.rglob("*.rego") if not path.name.endswith("_test.rego"))
CODES = yaml.safe_load((POLICIES / "therapy/register/reason_codes/data.yaml").read_text(encoding="utf-8"))

each_file = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@cache
def rego() -> Rego:
    return read_rego({str(path.relative_to(POLICIES)): text_of(path) for path in FILES})


def page_of(file: Path) -> Page:
    return next(page for page in rego().pages if page.file == str(file.relative_to(POLICIES)))


@cache
def documents() -> dict[str, Any]:
    """The data of the policy, each file at the path of its directory."""
    root: dict[str, Any] = {}
    for path in POLICIES.rglob("data.*"):
        below = root
        for name in path.parent.relative_to(POLICIES).parts:
            below = below.setdefault(name, {})
        below |= yaml.load(text_of(path), yaml.CSafeLoader)
    return root


def is_data(path: DataPath) -> bool:
    below: Any = documents()
    for name in path:
        if isinstance(below, list) or not isinstance(below, dict):
            return True  # what is inside a list or a number has no fixed name
        if name not in below:
            return False
        below = below[name]
    return True


def is_rule(path: DataPath) -> bool:
    return any(
        path[: len(package)] == package and path[len(package)] in {rule.name for rule in rules}
        for package, rules in rego().packages.items()
        if len(path) > len(package)
    )


# --- Names -----------------------------------------------------------------------------------------------------------


def test_every_code_has_a_rule_and_every_rule_with_a_code_has_a_title() -> None:
    giving = {(rule.file, rule.row): (rule, rule.texts & CODES.keys()) for rule in rego().rules}
    assert {code for _, codes in giving.values() for code in codes} == CODES.keys()
    # This table gives no reasons: it says which codes have one effect only.
    several = [rule.name for rule, codes in giving.values() if len(codes) > 1]
    assert several == ["_only_effects"]
    assert [where for where, (rule, codes) in giving.items() if codes and not rule.title] == []


@each_file
def test_a_rule_names_only_registered_codes(file: Path) -> None:
    capitals = {text for rule in page_of(file).rules for text in rule.texts if text.isupper() and "_" in text}
    assert capitals <= CODES.keys()


def test_no_metadata_repeats_the_code_of_its_rule() -> None:
    # The code in the rule itself is the only one, so that the two cannot disagree.
    assert [rule.title for rule in rego().rules if any(code in rule.metadata for code in CODES)] == []


@each_file
def test_every_page_has_a_title_and_a_description(file: Path) -> None:
    # A package has one description, whichever of its files has it.
    pages = [page for page in rego().pages if page.package == page_of(file).package and page.title != page.file]
    assert len(pages) == 1
    assert pages[0].description


@each_file
def test_whatever_a_rule_reads_exists(file: Path) -> None:
    # OPA takes a misspelled name for undefined, and a set of reasons that is undefined denies nothing.
    missing = {
        ".".join(path)
        for rule in page_of(file).rules
        for path in rule.reads
        if path and not is_rule(path) and not is_data(path) and path not in rego().packages
    }
    assert missing == set()


def test_a_misspelled_name_does_not_exist() -> None:
    assert is_rule(("therapy", "member", "benefit", "reasons"))
    assert not is_rule(("therapy", "member", "benefits", "reasons"))
    assert is_data(("therapy", "parameters", "units_per_visit", "periods"))
    assert not is_data(("therapy", "parameters", "units_per_visits", "periods"))


@each_file
def test_no_page_uses_what_another_keeps_to_itself(file: Path) -> None:
    used = {
        ".".join(path) for rule in page_of(file).rules for path in rule.reads if any(n.startswith("_") for n in path)
    }
    assert used == set()


def test_every_parameter_is_read_by_its_whole_name() -> None:
    def names(tree: dict[str, Any], path: DataPath = ()) -> Iterator[DataPath]:
        for name, value in tree.items():
            yield from [(*path, name)] if "periods" in value else names(value, (*path, name))

    read = {path[2:] for path in rego().reads if path[:2] == ("therapy", "parameters") and path[-1] != "clauses"}
    whole = {path[: path.index("periods")] for path in read if "periods" in path}
    assert read == {(*path, "periods") for path in whole} | {path for path in read if "periods" in path}
    assert whole == set(names(documents()["therapy"]["parameters"]))


def test_every_code_is_tested_in_rego() -> None:
    tests = read_rego({str(path): text_of(path) for path in POLICIES.rglob("*_test.rego")})
    assert CODES.keys() - tests.words == set()


# --- Determinations --------------------------------------------------------------------------------------------------


def test_each_request_type_is_one_line_of_the_entry_page() -> None:
    types = documents()["therapy"]["request"]["forms"]["request_type"]["values"]
    lines = [
        (request_type, branch.reads)
        for rule in rego().packages[ENTRY_PACKAGE]
        for branch in rule.branches
        for request_type in branch.only_for or ()
    ]
    assert sorted(request_type for request_type, _ in lines) == sorted(types)
    for request_type, reads in lines:
        assert [path[-1] for path in reads] == ["determination"], request_type


# --- Silence ---------------------------------------------------------------------------------------------------------


def negations(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if node.get("negated"):
            yield node
        for value in node.values():
            yield from negations(value)
    elif isinstance(node, list):
        for value in node:
            yield from negations(value)


def may_be_undefined(term: Any) -> bool:
    if isinstance(term, list):
        return any(map(may_be_undefined, term))
    if not isinstance(term, dict):
        return False
    if term.get("type") == "ref":
        return bool(term["value"][0]["value"] == "input" and len(term["value"]) > 2)
    return term.get("type") == "call" or may_be_undefined(term.get("value"))


def wrong_negations(text: str) -> list[int]:
    """The rows on which a rule negates what may be undefined, or a field of the request by itself."""
    return [
        node["location"]["row"]
        for node in negations(syntax_tree(text))
        if (
            any(map(may_be_undefined, node["terms"][1:]))
            if isinstance(node["terms"], list)
            else node["terms"].get("type") == "ref" and node["terms"]["value"][0]["value"] == "input"
        )
    ]


@each_file
def test_no_rule_negates_what_may_be_undefined(file: Path) -> None:
    # OPA takes such an argument out of the `not`: where it is undefined the whole rule falls silent, and approves. And
    # `not input.x` is false if x is null, which says as little as an absent one.
    assert wrong_negations(text_of(file)) == []


def test_wrong_negations_are_noticed() -> None:
    page = """package page

good if not good_part

good_part if startswith(input.a.b, "x")

bad_argument if not startswith(input.a.b, "x")

bad_call if not startswith(trim(good, " "), "x")

bad_field if not input.a
"""
    assert wrong_negations(page) == [7, 9, 11]
