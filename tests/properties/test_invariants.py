"""What must hold of every decision, whatever is asked."""

from __future__ import annotations

import copy
import itertools
import json
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import generate
import pytest
import strategies
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from properties.published import SCHEMA, TEXT, Stated, pointer, put, remove, stated_in
from properties.repair import REPAIRS, repaired
from strategies import Json, Place, at, places
from therapy_policy import Decision, EmbeddedClient
from therapy_policy.decision import Client

THERAPY = Path(__file__).parents[2] / "policies/therapy"


def register(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((THERAPY / f"register/{name}/data.yaml").read_text(encoding="utf-8")))


CODES = register("reason_codes")
CLAUSES = register("clauses")
PARAMETERS = yaml.safe_load((THERAPY / "parameters/data.yaml").read_text(encoding="utf-8"))

NOTHING = {"units": 0, "procedure_codes": [], "evaluation_visits": 0, "treatment_visits": 0, "max_units_per_visit": 0}

Request = dict[str, Any]

any_requests = st.one_of(strategies.valid_requests(), strategies.nearly_valid_requests(), strategies.json_values())
some_requests = st.lists(any_requests, min_size=5, max_size=5)


def ot_claim(*lines: tuple[str, int], already: int = 0, **members: Any) -> Request:
    return {
        "request_type": "pediatric_ot_claim",
        "benefit_status": "covered",
        "service_date": "2026-03-02",
        "medical_necessity": "established",
        "units_already_authorized": already,
        "service_lines": [{"procedure_code": code, "units": units} for code, units in lines],
        **members,
    }


def pt_visit(units: int, already: int = 0, **members: Any) -> Request:
    return {
        "request_type": "pt_visit",
        "benefit_status": "covered",
        "service_date": "2026-03-02",
        "specialty": "none",
        "tier": "nonacute",
        "visit": {"number": 2, "kind": "treatment", "units": units, "units_already_authorized": already},
        "progress_note_number": 2,
        "prior_visits": {"evaluation": 1, "treatment": 0},
        "plan_of_care_complete": True,
        **members,
    }


def written(decision: Decision) -> str:
    return json.dumps(decision, sort_keys=True)


def keys(decision: Decision) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(reason["code"], reason["path"], tuple(reason["clauses"])) for reason in decision["reasons"]]


def authorizes(decision: Decision) -> bool:
    return decision["authorized"] != NOTHING


# --- Four units a visit ----------------------------------------------------------------------------------------------


def units_so_far(request: Request) -> int:
    holder = request["visit"] if request["request_type"] == "pt_visit" else request
    return int(holder["units_already_authorized"])


def assert_four_units_at_most(request: Json, decision: Decision) -> None:
    units = decision["authorized"]["units"]
    assert units >= 0
    assert sum(line["units_authorized"] for line in decision["lines"]) == (units if decision["lines"] else 0)
    assert decision["authorized"]["max_units_per_visit"] == (4 if authorizes(decision) else 0)
    if units:
        assert units + units_so_far(request) <= 4


@given(some_requests)
def test_no_visit_gets_more_than_four_units(engine: Client, requests: list[Json]) -> None:
    for request, decision in zip(requests, engine.decide_many(requests), strict=True):
        assert_four_units_at_most(request, decision)


def test_no_visit_gets_more_than_four_units_however_they_are_split(embedded: EmbeddedClient) -> None:
    splits = list(itertools.product((*range(7), 98, 99), (*range(1, 10), 98, 99)))
    visits = [pt_visit(units, already) for already, units in splits]
    lines = list(itertools.product(("97530", "97129", "97130", "97140"), (1, 2, 4, 5)))
    claims = [
        ot_claim(*chosen, already=already)
        for already in (0, 1, 3, 4, 5)
        for count in (1, 2, 3)
        for chosen in itertools.product(lines, repeat=count)
    ]
    for request, decision in zip(visits + claims, embedded.decide_many(visits + claims), strict=True):
        assert_four_units_at_most(request, decision)
    for (already, units), decision in zip(splits, embedded.decide_many(visits), strict=True):
        assert decision["authorized"]["units"] == min(units, max(4 - already, 0))


@st.composite
def claims_of_one_visit(draw: st.DrawFn) -> list[Request]:
    kind = draw(strategies.pick("pediatric_ot_claim", "pt_visit"))
    return draw(st.lists(strategies.REQUESTS[kind], min_size=2, max_size=6))


@given(claims_of_one_visit())
def test_claims_of_one_visit_get_four_units_in_all(engine: Client, claims: list[Request]) -> None:
    authorized = 0
    for claim in copy.deepcopy(claims):
        (claim["visit"] if claim["request_type"] == "pt_visit" else claim)["units_already_authorized"] = authorized
        authorized += engine.decide(claim)["authorized"]["units"]
        assert authorized <= 4


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_claims_of_one_visit_get_all_of_the_four_units(engine: Client, asked: list[int]) -> None:
    for ask in (pt_visit, lambda units, already: ot_claim(("97530", units), already=already)):
        authorized = 0
        for units in asked:
            authorized += engine.decide(ask(units, authorized))["authorized"]["units"]
        assert authorized == min(sum(asked), 4)


# --- The list of procedure codes -------------------------------------------------------------------------------------

(LIST,) = PARAMETERS["pediatric_ot"]["procedure_codes"]["periods"]
LISTED = set(LIST["value"])


@given(some_requests)
def test_no_procedure_code_outside_the_list_is_authorized(engine: Client, requests: list[Json]) -> None:
    for decision in engine.decide_many(requests):
        codes = decision["authorized"]["procedure_codes"]
        assert set(codes) <= LISTED
        assert codes == sorted({line["procedure_code"] for line in decision["lines"] if line["units_authorized"]})
        assert bool(codes) == (decision["request_type"] == "pediatric_ot_claim" and authorizes(decision))


def test_of_all_codes_of_five_digits_none_but_the_listed_is_authorized(embedded: EmbeddedClient) -> None:
    codes = [f"{number:05}" for number in range(100_000)]
    claims = [ot_claim(*((code, 1) for code in claimed)) for claimed in itertools.batched(codes, 50)]
    not_denied = {
        line["procedure_code"]
        for decision in embedded.decide_many(claims)
        for line in decision["lines"]
        if line["status"] != "denied"
    }
    assert not_denied == LISTED


# --- Denies and pends ------------------------------------------------------------------------------------------------


@given(some_requests)
def test_nothing_is_authorized_while_a_deny_or_pend_stands_on_the_request(engine: Client, requests: list[Json]) -> None:
    for decision in engine.decide_many(requests):
        standing = {reason["effect"] for reason in decision["reasons"] if CODES[reason["code"]]["bears_on"] == "request"}
        if standing & {"invalid", "scope", "deny", "pend"}:
            assert decision["authorized"] == NOTHING
            assert all(line["units_authorized"] == 0 for line in decision["lines"])
            assert decision["outcome"] not in ("authorized", "partially_authorized", "routed")
        if decision["outcome"] not in ("authorized", "partially_authorized"):
            assert decision["authorized"] == NOTHING
        for line in decision["lines"]:
            if any(CODES[code]["effect"] == "deny" for code in line["reasons"]):
                assert (line["status"], line["units_authorized"]) == ("denied", 0)


@given(some_requests)
def test_what_is_not_granted_says_why(embedded: EmbeddedClient, requests: list[Json]) -> None:
    effects = {
        "invalid_request": {"invalid"},
        "not_applicable": {"scope"},
        "denied": {"deny"},
        "pended": {"pend"},
        "partially_authorized": {"deny", "pend"},
    }
    for decision in embedded.decide_many(requests):
        given_effects = {reason["effect"] for reason in decision["reasons"]}
        if decision["outcome"] in effects:
            assert given_effects & effects[decision["outcome"]]
        else:
            assert given_effects <= {"info"}


def test_every_code_that_denies_cites_a_clause_that_decides() -> None:
    for code, entry in CODES.items():
        if entry["effect"] in ("deny", "pend", "scope", "info"):
            assert entry["clauses"], code
        assert all(CLAUSES[clause]["kind"] in ("rule", "attested") for clause in entry["clauses"]), code


@given(some_requests)
def test_every_deny_cites_a_clause_of_the_source(embedded: EmbeddedClient, requests: list[Json]) -> None:
    for decision in embedded.decide_many(requests):
        for reason in decision["reasons"]:
            assert set(reason["clauses"]) <= set(CODES[reason["code"]]["clauses"])
            assert reason["clauses"] or reason["effect"] == "invalid"
            assert all(CLAUSES[clause]["kind"] in ("rule", "attested") for clause in reason["clauses"])


@given(some_requests)
def test_whatever_is_not_granted_has_a_remedy_or_the_register_says_why_not(
    embedded: EmbeddedClient, requests: list[Json]
) -> None:
    for decision in embedded.decide_many(requests):
        for reason in decision["reasons"]:
            sentences = [reason["message"], *([reason["remedy"]] if reason["remedy"] else [])]
            assert all(re.search(r"\w.*\.$", each) and "{" not in each for each in sentences)
            if reason["effect"] != "info" and reason["remedy"] is None:
                assert CODES[reason["code"]]["no_remedy_because"]


def test_a_code_has_a_remedy_or_the_register_says_why_not() -> None:
    for code, entry in CODES.items():
        assert (entry["remedy"] is None) == ("no_remedy_because" in entry or entry["effect"] == "info"), code


# --- To leave something out never helps ------------------------------------------------------------------------------
#
# Every optional statement is taken out or blanked, wherever the published form has one. That may never raise the
# outcome, nor what is authorized. The exceptions are statements that speak against approval: to take one back does
# raise it, and that is shown too.

BLANKS = (None, "", " ", "\u3000\t", [], {})
OUTCOMES = ("invalid_request", "not_applicable", "denied", "pended", "partially_authorized", "authorized", "routed")
UNMET = {name: name == "meets_continuation_criteria" for name in SCHEMA["definitions"]["discontinuation"]["properties"]}


def speaks_against(request: Request, one: Stated) -> bool:
    """Whether a statement, or something stated inside it, speaks against approval."""
    match one.place:
        case ("benefit_status",):
            return bool(one.value == "not_covered")
        case ("medical_necessity",):
            return bool(one.value == "not_established")
        case ("expected_improvement",):
            return False in one.value.values()
        case ("expected_improvement", _):
            return one.value is False
        case ("discontinuation",):
            return any(one.value.get(name) is (not unmet) for name, unmet in UNMET.items())
        case ("discontinuation", str(name)):
            return one.value is not UNMET[name]
        # Either names the factors or says that there are none: with both, each speaks against the other.
        case ("documentation", "impeding_factors", "none_identified"):
            return one.value is True and says_something(request["documentation"]["impeding_factors"].get("identified"))
        case ("documentation", "impeding_factors", "identified", *_):
            return request["documentation"]["impeding_factors"].get("none_identified") is True
    return False


def says_something(texts: list[str] | None) -> bool:
    return any(text.strip() or text.strip("\x1c\x1d\x1e\x1f") for text in texts or ())


def without(request: Request, one: Stated) -> Iterator[Request]:
    """The request without a statement of it, in every way that there is to say nothing."""
    if one.optional:
        absent = copy.deepcopy(request)
        remove(absent, one.place)
        yield absent
    for blank in BLANKS:
        if isinstance(blank, str) or one.optional:
            blanked = copy.deepcopy(request)
            put(blanked, one.place, blank)
            yield blanked


def standing(decision: Decision) -> tuple[int, bool]:
    """How far a request came. An extension that waits for the clinician alone has come as far as it can."""
    ready = any(reason["code"] == "EXT_READY_FOR_CLINICAL_REVIEW" for reason in decision["reasons"])
    return OUTCOMES.index(decision["outcome"]), ready


def raises(before: Decision, after: Decision) -> bool:
    more = any(
        after["authorized"][amount] > before["authorized"][amount]
        for amount in ("units", "evaluation_visits", "treatment_visits", "max_units_per_visit")
    )
    new_codes = set(after["authorized"]["procedure_codes"]) - set(before["authorized"]["procedure_codes"])
    return standing(after) > standing(before) or more or bool(new_codes)


def may_be_left_out(one: Stated) -> bool:
    return one.optional or one.form == TEXT


@given(strategies.valid_requests())
def test_to_leave_something_out_never_raises_what_is_decided(embedded: EmbeddedClient, request: Request) -> None:
    changed = [
        (one.path, changed)
        for one in stated_in(request)
        if may_be_left_out(one) and not speaks_against(request, one)
        for changed in without(request, one)
    ]
    before = embedded.decide(request)
    for (path, less), after in zip(changed, embedded.decide_many(less for _, less in changed), strict=True):
        assert not raises(before, after), f"{path}: {less}"


