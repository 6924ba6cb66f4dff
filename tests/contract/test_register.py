"""The registers and the parameters: each entry is whole, and what it names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

POLICIES = Path(__file__).parents[2] / "policies"
THERAPY = POLICIES / "therapy"


def register(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((THERAPY / f"register/{name}/data.yaml").read_text(encoding="utf-8")))


CODES = register("reason_codes")
CLAUSES = register("clauses")
INTERPRETATIONS = register("interpretations")
PARAMETERS = yaml.safe_load((THERAPY / "parameters/data.yaml").read_text(encoding="utf-8"))


def parameters(tree: Any = None, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in (PARAMETERS if tree is None else tree).items():
        if "periods" in value:
            yield f"{path}{name}", value
        else:
            yield from parameters(value, f"{path}{name}.")


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
def test_a_parameter_is_in_order_from_its_first_date(name: str) -> None:
    parameter = dict(parameters())[name]
    assert parameter.keys() == {"title", "clauses", "periods"}
    dates = [period["from"] for period in parameter["periods"]]
    assert all(isinstance(each, str) and date.fromisoformat(each) for each in dates)
    assert dates == sorted(set(dates))
    assert all(period.keys() == {"from", "value"} for period in parameter["periods"])
    if name != "outpatient_pt.initial_visits":  # where the physical therapy rules begin, and only there
        assert dates[0] == "1900-01-01", "a parameter without a value on a date would turn its rules off"


@pytest.mark.parametrize("name", INTERPRETATIONS)
def test_an_interpretation_is_whole(name: str) -> None:
    entry = INTERPRETATIONS[name]
    assert entry.keys() == {"silence", "choice", "visible_in"}
    assert entry["visible_in"] in {"reasons", "requests", "rules"}


def test_every_clause_is_in_a_paragraph_of_the_source() -> None:
    paragraphs = register("source")["paragraphs"]
    assert all(re.fullmatch("[0-9a-f]{16}", paragraph["fingerprint"]) for paragraph in paragraphs)
    assert {clause for paragraph in paragraphs for clause in paragraph["clauses"]} == CLAUSES.keys()
