"""Each clause has a page, read here as text: what happens, under which number, and how that is tested."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from therapy_policy.policy import bundles
from therapy_policy.review.figures import FIGURES

REGISTER: dict[str, Any] = bundles.packaged_bundle().data["therapy"]["register"]
CLAUSES: dict[str, Any] = REGISTER["clauses"]
CODES: dict[str, Any] = REGISTER["reason_codes"]
PARAMETERS: dict[str, Any] = bundles.packaged_bundle().data["therapy"]["parameters"]
WORDS = {"deny": "denies", "pend": "pends", "scope": "outside the rules", "info": "informs"}
CODE = re.compile(r"\w+\.rego|METADATA|:=")


class _Text(HTMLParser):
    """The text of a page as a reader sees it: with what is behind a switch for code left out, by heading."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, str] = {"": ""}
        self.heading: str | None = None
        self.title = ""
        self.hidden = 0  # how many details are open, from the first with code
        self.silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "details" and (self.hidden or "tp-switch" in classes):
            self.hidden += 1
        if tag in ("script", "style"):
            self.silent = True
        if tag == "h2":
            self.heading, self.title = "", ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self.hidden:
            self.hidden -= 1
        if tag in ("script", "style"):
            self.silent = False
        if tag == "h2" and self.heading is not None:
            self.title, self.heading = " ".join(self.heading.split()), None
            self.sections.setdefault(self.title, "")

    def handle_data(self, data: str) -> None:
        if self.heading is not None:
            self.heading += data
        elif not self.hidden and not self.silent:
            self.sections[self.title] += data


def sections_of(file: Path) -> dict[str, str]:
    """The text of a page by its headings of level 2, with single blanks."""
    text = _Text()
    text.feed(file.read_text(encoding="utf-8"))
    return {title: " ".join(content.split()) for title, content in text.sections.items()}


def parameters(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        parameter for value in tree.values() for parameter in ([value] if "periods" in value else parameters(value))
    ]


def of_clause(clause: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The reason codes and the parameters of a clause."""
    codes = {code: entry for code, entry in CODES.items() if clause in entry["clauses"]}
    return codes, [each for each in parameters(PARAMETERS) if clause in each["clauses"]]


def words(text: str) -> list[str]:
    """The parts of a message between its placeholders."""
    return [part.strip() for part in re.split(r"\{\w+\}", text) if part.strip()]


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_answers_the_three_questions(clause: str, site: Path) -> None:
    page = sections_of(site / f"clause-{clause}.html")
    codes, numbers = of_clause(clause)

    happens = page["What happens"]
    for entry in codes.values():
        assert WORDS[entry["effect"]] in happens
        assert all(part in happens for part in words(entry["message"]))
    assert f"under {clause}" in happens or f"only if {clause} is met" in happens
    if not codes:
        assert "no request is denied or pended because of it" in happens

    number = page["Under which number"]
    for parameter in numbers:
        assert parameter["title"] in number
        for period in parameter["periods"]:
            assert period["from"] == "1900-01-01" or period["from"] in number
    if not numbers:
        assert f"{clause} has no number or list" in number
        if codes:
            assert "decides:" in number

    tested = page["How it is tested"]
    if codes:
        assert re.search(rf"Tests of {clause} .*[1-9][\d,]* cases? in [1-9]", tested)
        assert re.search(r"Its reasons decide [\d,]+ of [\d,]{5,} request classes", tested)
    elif numbers:
        assert re.search(r"all tests together run [1-9][\d.]*% of its lines", tested)
    else:
        assert "nothing to test" in tested


def test_a_plan_of_care_is_authorized_under_its_clause_without_a_number(site: Path) -> None:
    page = sections_of(site / "clause-PT-8.html")
    assert "What is authorized under PT-8" in page["What happens"]
    assert "authorized" in page["What happens"]
    assert "A complete plan of care" in page["What happens"]
    assert "What the request contains decides: " in page["Under which number"]
    for part in ("statement", "measure", "functional activity", "target date"):
        assert f"plan of care › goals › {part}" in page["Under which number"]
    for part in ("diagnosis", "frequency", "duration", "planned interventions", "expected potential"):
        assert f"plan of care › {part}" in page["Under which number"]


def test_the_fields_that_decide_are_those_of_the_clause(site: Path) -> None:
    decides = {
        clause: sections_of(site / f"clause-{clause}.html")["Under which number"]
        for clause in ("EXT-1", "EXT-2", "DC-1")
    }
    assert "documentation › goals › initial status" in decides["EXT-1"]
    assert "documentation › goals › last period status › measure" in decides["EXT-1"]
    assert "the whole request" not in decides["EXT-1"]
    for part in ("technique", "amount", "frequency", "duration"):
        assert f"documentation › planned interventions › {part}" in decides["EXT-2"]
    for part in ("functional impairment resolved", "goals achieved", "returned to prior function"):
        assert f"discontinuation › {part}" in decides["DC-1"]


def test_in_short_a_clause_says_what_it_grants(site: Path) -> None:
    short = {clause: " ".join(sections_of(site / f"clause-{clause}.html")["In short"].split()) for clause in CLAUSES}
    assert "Treatment may begin with a plan of care that has all its parts" in short["PT-8"]
    assert "evaluation visits: 1; treatment visits: 11." in short["PT-4"]
    assert "evaluation visits: 1; treatment visits: 5." in short["PT-3"]
    assert "chapter: 17; network: Neighbor Island Network." in short["REF-2"]
    assert "hawaii" not in short["REF-2"]
    assert "Nothing is authorized under UM-2 itself" in short["UM-2"]
    assert "authorize under OT-4, OT-5, OT-6" in short["OT-3"]


def test_the_numbers_are_those_of_the_clause(site: Path) -> None:
    acute, nonacute = (sections_of(site / f"clause-{name}.html")["Under which number"] for name in ("PT-4", "PT-3"))
    assert "treatment: 11" in acute
    assert "treatment: 5" in nonacute
    assert "treatment: 5" not in acute
    assert "treatment: 11" not in nonacute


def test_tests_of_a_clause_are_apart_from_those_that_pass_through(site: Path) -> None:
    tested = sections_of(site / "clause-PT-9.html")["How it is tested"]
    own, _, through = tested.partition("Tests that pass through")
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    codes = {"PT_NOTE_NOT_NUMBERED", "PT_VISIT_OUT_OF_SEQUENCE"}
    naming = [
        test
        for test in figures["tests"]
        if any(codes & set(names) for names in [test["names"], *test["cases"].values()])
    ]
    assert {test["file"] == "therapy/outpatient_pt/visit_test.rego" for test in naming} == {True, False}
    for test in naming:
        title = test["name"].removeprefix("test_").replace("_", " ").capitalize()
        beside = test["file"] == "therapy/outpatient_pt/visit_test.rego"
        assert title in (own if beside else through), title


def test_the_source_and_its_check(site: Path) -> None:
    about = sections_of(site / "clause-PT-3.html")[""]
    assert "Paragraphs 20, 21 of 52" in about
    assert REGISTER["source"]["title"] in about
    assert "No check of the page is recorded" in about or "Last checked on" in about


def test_a_release_that_changed_a_clause_is_in_its_history(site: Path) -> None:
    history = sections_of(site / "clause-PT-1.html")["History"]
    assert "Version 2.0.0" in history
    assert "PT_VISIT_BEFORE_REFERRAL" in history
    never_changed = " ".join(sections_of(site / "clause-SITE-1.html")["History"].split())
    assert never_changed.startswith(
        "The records of version 1.0.1 and version 2.0.0 only count some changes. Some of these can be of SITE-1."
    )


def test_a_reader_who_does_not_ask_sees_no_code(site: Path) -> None:
    seen = {
        file.name: found[0]
        for file in site.glob("*.html")
        if (found := CODE.findall(" ".join(sections_of(file).values())))
    }
    assert seen == {}
