"""What must hold of every decision, whatever is asked."""

from __future__ import annotations

import copy
import datetime
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, DrawFn

from proof import oracle, strategies
from proof.comparison import NOTHING
from proof.policy_in_force import POLICY
from proof.strategies import FieldPath, Json
from tests.properties.compared import written
from tests.properties.published import (
    CEILING,
    SCHEMA,
    TEXT,
    Stated,
    any_requests,
    date_field,
    date_of,
    form_of,
    nearly_valid_requests,
    pointer,
    put,
    remove,
    smallest,
    stated_in,
)
from tests.properties.repair import REPAIRS, repaired
from therapy_policy import Decision, EmbeddedClient
from therapy_policy.client.decision import Client
from therapy_policy.policy import bundles
from therapy_policy.policy.registers import applies_to
from tools import generate

ROOT = Path(__file__).parents[2]
THERAPY = ROOT / "policies/therapy"
EXAMPLES = ROOT / "examples"


def register(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((THERAPY / f"register/{name}/data.yaml").read_text(encoding="utf-8")))


CODES = register("reason_codes")
CLAUSES = register("clauses")
PARAMETERS = yaml.safe_load((THERAPY / "parameters/data.yaml").read_text(encoding="utf-8"))

Request = dict[str, Any]

some_requests = st.lists(any_requests, min_size=3, max_size=3)


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


def keys(decision: Decision) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(reason["code"], reason["path"], tuple(reason["clauses"])) for reason in decision["reasons"]]


def authorizes(decision: Decision) -> bool:
    return decision["authorized"] != NOTHING


DATED = ("service_date", "referral_date", "request_date", "review_date")
CHANGES = POLICY.dates_of_change()


def dated(request: Request, date: str) -> Request:
    return request | {name: date for name in DATED if name in request}


def on_every_date_of_change(requests: list[Json]) -> list[Json]:
    """Requests, and the same requests on each day that a number or list of the policy changes, and the day before."""
    with_a_date = [request for request in requests if isinstance(request, dict) and request.keys() & set(DATED)]
    return requests + [dated(request, date) for request in with_a_date for date in CHANGES]


# --- The units of a visit --------------------------------------------------------------------------------------------
#
# The ceiling holds whatever the numbers of the policy say. Within it, the number of the request's date holds.

MOST_UNITS = CEILING["units_per_visit"]["most"]


def units_per_visit(date: str) -> int:
    return int(POLICY.on(date, "units_per_visit"))


def units_so_far(request: Request) -> int:
    holder = request["visit"] if request["request_type"] == "pt_visit" else request
    return int(holder["units_already_authorized"])


def assert_within_the_ceiling_of_units(request: Json, decision: Decision) -> None:
    units = decision["authorized"]["units"]
    assert units >= 0
    assert sum(line["units_authorized"] for line in decision["lines"]) == (units if decision["lines"] else 0)
    assert decision["authorized"]["max_units_per_visit"] <= MOST_UNITS
    if units:
        assert units + units_so_far(request) <= MOST_UNITS


def assert_within_the_units_of_a_visit(request: Json, decision: Decision) -> None:
    assert_within_the_ceiling_of_units(request, decision)
    most = units_per_visit(date_of(request)) if authorizes(decision) else 0
    assert decision["authorized"]["max_units_per_visit"] == most
    if decision["authorized"]["units"]:
        assert decision["authorized"]["units"] + units_so_far(request) <= most


def test_the_ceiling_of_units_is_one_hour() -> None:
    assert MOST_UNITS == 4


@given(some_requests)
def test_no_visit_gets_more_units_than_one_visit_may_have(engine: Client, requests: list[Json]) -> None:
    asked = on_every_date_of_change(requests)
    for request, decision in zip(asked, engine.decide_many(asked), strict=True):
        assert_within_the_units_of_a_visit(request, decision)


@pytest.mark.parametrize("date", CHANGES)
def test_no_visit_gets_more_units_however_they_are_split(embedded: EmbeddedClient, date: str) -> None:
    most = units_per_visit(date)
    splits = list(itertools.product((*range(7), 98, 99), (*range(1, 10), 98, 99)))
    visits = [pt_visit(units, already, service_date=date) for already, units in splits]
    lines = list(itertools.product(("97530", "97129", "97130", "97140"), (1, 3)))
    claims = [
        ot_claim(*chosen, already=already, service_date=date)
        for already in (0, 1, 3, 4, 5)
        for count in (1, 2, 3)
        for chosen in itertools.product(lines, repeat=count)
    ]
    for request, decision in zip(visits + claims, embedded.decide_many(visits + claims), strict=True):
        assert_within_the_units_of_a_visit(request, decision)
    in_force = POLICY.on(date, "outpatient_pt", "effective_date") <= date
    for (already, units), decision in zip(splits, embedded.decide_many(visits), strict=True):
        assert decision["authorized"]["units"] == (min(units, max(most - already, 0)) if in_force else 0)


@st.composite
def claims_of_one_visit(draw: DrawFn) -> list[Request]:
    kind = draw(strategies.pick("pediatric_ot_claim", "pt_visit"))
    return draw(st.lists(strategies.REQUESTS[kind], min_size=2, max_size=6))


@given(claims_of_one_visit())
def test_claims_of_one_visit_get_no_more_units_than_one_visit_may_have(engine: Client, claims: list[Request]) -> None:
    authorized = 0
    for claim in copy.deepcopy(claims):
        (claim["visit"] if claim["request_type"] == "pt_visit" else claim)["units_already_authorized"] = authorized
        authorized += engine.decide(claim)["authorized"]["units"]
        assert authorized <= MOST_UNITS


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_claims_of_one_visit_get_all_units_of_the_visit(embedded: EmbeddedClient, asked: list[int]) -> None:
    for ask in (pt_visit, lambda units, already: ot_claim(("97530", units), already=already)):
        authorized = 0
        for units in asked:
            request = ask(units, authorized)
            authorized += embedded.decide(request)["authorized"]["units"]
        assert authorized == min(sum(asked), units_per_visit(date_of(request)))


# --- The list of procedure codes -------------------------------------------------------------------------------------
#
# Here too the ceiling holds whatever the lists of the policy say.

MOST_CODES = set(CEILING["procedure_codes"])


def listed_codes(date: str) -> dict[str, Any]:
    return dict(POLICY.on(date, "pediatric_ot", "procedure_codes"))


@given(some_requests)
def test_no_procedure_code_outside_the_list_is_authorized(embedded: EmbeddedClient, requests: list[Json]) -> None:
    asked = on_every_date_of_change(requests)
    for request, decision in zip(asked, embedded.decide_many(asked), strict=True):
        codes = decision["authorized"]["procedure_codes"]
        assert set(codes) <= MOST_CODES
        assert not codes or set(codes) <= listed_codes(date_of(request)).keys()
        assert codes == sorted({line["procedure_code"] for line in decision["lines"] if line["units_authorized"]})
        assert bool(codes) == (decision["request_type"] == "pediatric_ot_claim" and authorizes(decision))


@pytest.mark.parametrize("date", CHANGES)
def test_of_all_codes_from_90000_on_none_but_the_listed_is_authorized(embedded: EmbeddedClient, date: str) -> None:
    codes = [str(number) for number in range(90_000, 100_000)]
    claims = [
        ot_claim(*((code, 1) for code in claimed), service_date=date)
        for claimed in (codes[at : at + 50] for at in range(0, len(codes), 50))
    ]
    not_denied = {
        line["procedure_code"]
        for decision in embedded.decide_many(claims)
        for line in decision["lines"]
        if line["status"] != "denied"
    }
    assert not_denied == listed_codes(date).keys()
    assert not_denied <= MOST_CODES


# --- Denies and pends ------------------------------------------------------------------------------------------------


@given(some_requests)
def test_nothing_is_authorized_while_a_deny_or_pend_stands_on_the_request(engine: Client, requests: list[Json]) -> None:
    for decision in engine.decide_many(requests):
        standing = {
            reason["effect"] for reason in decision["reasons"] if applies_to(CODES[reason["code"]]) == "request"
        }
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


UNUSABLE = "POLICY_VALUE_UNUSABLE"  # a defect of a policy, which the policy in this repository does not have


def test_every_code_that_denies_cites_a_clause_that_decides() -> None:
    for code, entry in CODES.items():
        if entry["effect"] in ("deny", "pend", "scope", "info") and code != UNUSABLE:
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

BLANKS: tuple[Json, ...] = (None, "", " ", "\u3000\t", [], {})
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
        # A visit that does not name the date of its referral gets the visits of its own date (INT-19).
        case ("referral_date",):
            date, own = one.value, request["service_date"]
            return bool(
                date > own or visits_of_referral(date, request["tier"]) < visits_of_referral(own, request["tier"])
            )
        # A referral that does not say how many visits it requests gets the visits of its tier (INT-21).
        case ("requested_visits",) if request["request_type"] == "pt_referral":
            tier = oracle.tier_of_referral(request, POLICY)
            return bool(one.value > sum(visits_of_referral(request["referral_date"], tier)))
        # Either names the factors or says that there are none: with both, each speaks against the other.
        case ("documentation", "impeding_factors", "none_identified"):
            factors = request["documentation"]["impeding_factors"].get("identified") or []
            return one.value is True and oracle.any_present(factors)
        case ("documentation", "impeding_factors", "identified", *_):
            return request["documentation"]["impeding_factors"].get("none_identified") is True
    return False


def visits_of_referral(date: str, tier: str) -> tuple[int, int]:
    if date < POLICY.on(date, "outpatient_pt", "effective_date"):
        return 0, 0
    visits = POLICY.on(date, "outpatient_pt", "initial_visits")[tier]
    return visits["evaluation"], visits["treatment"]


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
    outcome: str = decision["outcome"]
    effects = {reason["effect"] for reason in decision["reasons"]}
    if outcome == "pended" and "deny" in effects:
        outcome = "denied"  # of a visit that has no unit left, which is said only once nothing pends it any more
    ready = any(reason["code"] == "EXT_READY_FOR_CLINICAL_REVIEW" for reason in decision["reasons"])
    return OUTCOMES.index(outcome), ready


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


REFERRAL = smallest(form_of("pt_referral"))
CONTINUATION = smallest(form_of("pt_continuation")) | {"discontinuation": UNMET}
HALVES = ("extended_period_of_service", "progress_cause_indeterminate")
INDETERMINATE = CONTINUATION | {"discontinuation": UNMET | dict.fromkeys(HALVES, True)}
FACTORS = ("documentation", "impeding_factors")
EXTENSION = smallest(form_of("pt_extension")) | {"discontinuation": None}
put(EXTENSION, FACTORS, {"identified": ["an old fracture"]})

# A request without the statement, the place of the statement, and the statement.
SPEAKING_AGAINST: dict[str, tuple[Request, FieldPath, Json]] = {
    "a benefit that is not covered": (pt_visit(4), ("benefit_status",), "not_covered"),
    "necessity that is not established": (ot_claim(("97530", 1)), ("medical_necessity",), "not_established"),
    "a referral after the visit": (pt_visit(4), ("referral_date",), "2026-03-03"),
    "a referral before the rules": (pt_visit(4), ("referral_date",), "2022-05-31"),
    "more visits than a referral starts with": (REFERRAL, ("requested_visits",), 999),
    "an aspect that is not expected": (REFERRAL, ("expected_improvement", "sustainable"), False),
    "improvement with such an aspect": (REFERRAL, ("expected_improvement",), {"sustainable": False}),
    "discontinuation with a met criterion": (pt_visit(4), ("discontinuation",), {"goals_achieved": True}),
    **{
        f"{name} {not unmet}": (CONTINUATION, ("discontinuation", name), not unmet)
        for name, unmet in UNMET.items()
        if name not in HALVES
    },
    **{f"{half} True": (INDETERMINATE, ("discontinuation", half), True) for half in HALVES},
    "no factors, beside some": (EXTENSION, (*FACTORS, "none_identified"), True),
}


@pytest.mark.parametrize("name", SPEAKING_AGAINST)
def test_to_take_back_what_speaks_against_approval_raises_what_is_decided(embedded: EmbeddedClient, name: str) -> None:
    request, place, value = SPEAKING_AGAINST[name]
    against, taken_back = copy.deepcopy(request), copy.deepcopy(request)
    put(against, place, value)
    put(taken_back, place, None)
    (one,) = [one for one in stated_in(against) if one.place == place]
    assert speaks_against(against, one)
    assert raises(embedded.decide(against), embedded.decide(taken_back))


# --- A remedy lifts its reason ---------------------------------------------------------------------------------------


def test_every_code_with_a_remedy_has_a_repair() -> None:
    assert REPAIRS.keys() == {code for code, entry in CODES.items() if entry["remedy"] is not None}


def assert_each_remedy_lifts_its_reason(embedded: EmbeddedClient, request: Request) -> Counter[str]:
    """Returns how often each code was lifted."""
    decision = embedded.decide(request)
    asked = [
        (reason, again)
        for reason in decision["reasons"]
        if reason["remedy"] is not None and (again := repaired(request, reason)) is not None
    ]
    for (reason, again), after in zip(asked, embedded.decide_many(again for _, again in asked), strict=True):
        key = (reason["code"], reason["path"], tuple(reason["clauses"]))
        assert key in keys(decision)
        if line_left_out(request, again):  # the lines that follow it move up, with their reasons
            assert codes(after)[reason["code"]] < codes(decision)[reason["code"]]
        else:
            assert key not in keys(after), f"{key} is still there: {again}"
    return Counter(reason["code"] for reason, _ in asked)


@example({"request_type": "pediatric_ot_claim", "service_lines": True})
@given(st.one_of(strategies.valid_requests(), nearly_valid_requests))
def test_what_a_remedy_names_lifts_its_reason(embedded: EmbeddedClient, request: Request) -> None:
    assert_each_remedy_lifts_its_reason(embedded, request)


def test_in_the_examples_every_remedy_is_tried_and_lifts_its_reason(embedded: EmbeddedClient) -> None:
    lines = (EXAMPLES / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.json"))] + lines
    tried: Counter[str] = Counter()
    for text in texts:
        try:
            request = json.loads(text)
        except ValueError:
            continue  # one line of the claims is not JSON, to show what `batch` does with it
        tried += assert_each_remedy_lifts_its_reason(embedded, request)
    assert tried.keys() == REPAIRS.keys() - {UNUSABLE}


def line_left_out(request: Request, again: Request) -> bool:
    before, after = request.get("service_lines"), again.get("service_lines")
    return isinstance(before, list) and isinstance(after, list) and len(after) < len(before)


def codes(decision: Decision) -> Counter[str]:
    return Counter(reason["code"] for reason in decision["reasons"])


@given(st.one_of(strategies.valid_requests(), nearly_valid_requests))
def test_whoever_follows_the_remedies_gets_there(embedded: EmbeddedClient, request: Request) -> None:
    """To authorization, to a route, to the clinician, or to nothing more to ask for."""
    for _ in range(300):
        decision = embedded.decide(request)
        lifted = next((reason for reason in decision["reasons"] if reason["remedy"] is not None), None)
        if lifted is None:
            ready = codes(decision)["EXT_READY_FOR_CLINICAL_REVIEW"] > 0
            assert decision["outcome"] in ("authorized", "routed") or (decision["outcome"] == "pended" and ready)
            return
        again = repaired(request, lifted)
        if again is None:
            return
        request = again
    raise AssertionError(f"the remedies lead in a circle: {request}")


# --- What order means ------------------------------------------------------------------------------------------------


@given(strategies.REQUESTS["pediatric_ot_claim"], st.data())
def test_the_order_of_lines_moves_units_between_them_and_nothing_else(
    embedded: EmbeddedClient, claim: Request, data: DataObject
) -> None:
    lines = claim["service_lines"]
    order = data.draw(st.permutations(range(len(lines))))
    before, after = embedded.decide_many([claim, claim | {"service_lines": [lines[i] for i in order]}])
    assert before["outcome"] == after["outcome"]
    assert {**before["authorized"], "procedure_codes": []} == {**after["authorized"], "procedure_codes": []}
    assert of_the_request(before) == of_the_request(after)
    where_it_was = [after["lines"][order.index(i)] for i in range(len(lines))]
    for one, other in zip(before["lines"], where_it_was, strict=True):
        assert (one["procedure_code"], one["units_requested"]) == (other["procedure_code"], other["units_requested"])
        assert (one["status"] == "denied") == (other["status"] == "denied")
    # Add-on lines come after all others, wherever they are.
    add_ons = {code for code, entry in listed_codes(date_of(claim)).items() if "add_on_to" in entry}
    for add_on in (True, False):
        assert units_of(before, add_ons, add_on=add_on) == units_of(after, add_ons, add_on=add_on)


def of_the_request(decision: Decision) -> list[tuple[str, str, tuple[str, ...]]]:
    return [key for key in keys(decision) if not key[1].startswith("/service_lines/")]


def units_of(decision: Decision, add_ons: set[str], *, add_on: bool) -> int:
    return sum(line["units_authorized"] for line in decision["lines"] if (line["procedure_code"] in add_ons) == add_on)


def test_lines_take_units_in_the_order_asked(embedded: EmbeddedClient) -> None:
    for codes_ in (["97110", "97112"], ["97112", "97110"]):
        lines = embedded.decide(ot_claim(*((code, 3) for code in codes_)))["lines"]
        assert [(line["procedure_code"], line["units_authorized"]) for line in lines] == [
            (codes_[0], 3),
            (codes_[1], 1),
        ]


class Shuffled:
    """A value whose lists are in another order, and where each of its places went."""

    def __init__(self, value: Json, data: DataObject) -> None:
        self._data = data
        self._moved: dict[str, str] = {}
        self.value = self._shuffle(value, (), ())

    def _shuffle(self, value: Json, old: FieldPath, new: FieldPath) -> Json:
        self._moved[pointer(old)] = pointer(new)
        if isinstance(value, dict):
            return {name: self._shuffle(inner, (*old, name), (*new, name)) for name, inner in value.items()}
        if isinstance(value, list):
            order = self._data.draw(st.permutations(range(len(value))))
            return [self._shuffle(value[i], (*old, i), (*new, now)) for now, i in enumerate(order)]
        return value

    def moved(self, path: str) -> str:
        """Where a place went; one that is missing went where the object did that it is missing in."""
        if path in self._moved:
            return self._moved[path]
        parent, _, step = path.rpartition("/")
        return f"{self.moved(parent)}/{step}"


@given(st.one_of(strategies.REQUESTS["pt_extension"], strategies.REQUESTS["pt_treatment_plan"]), st.data())
def test_the_order_of_goals_notes_and_interventions_decides_nothing(
    embedded: EmbeddedClient, request: Request, data: DataObject
) -> None:
    shuffled = Shuffled(request, data)
    before, after = embedded.decide_many([request, shuffled.value])
    assert before["outcome"] == after["outcome"]
    assert before["authorized"] == after["authorized"]
    # Of goals with one and the same id all but the first are named, whichever they are.
    assert codes(before) == codes(after)
    moved = {(code, shuffled.moved(path), clauses) for code, path, clauses in keys(before)}
    assert {key for key in moved ^ set(keys(after)) if not key[1].endswith("/goal_id")} == set()


@given(st.one_of(strategies.valid_requests(), nearly_valid_requests), st.data())
def test_the_order_of_members_decides_nothing(engine: Client, request: Json, data: DataObject) -> None:
    def shuffle(value: Json) -> Json:
        if isinstance(value, dict):
            return {name: shuffle(value[name]) for name in data.draw(st.permutations(sorted(value)))}
        return [shuffle(element) for element in value] if isinstance(value, list) else value

    before, after = engine.decide_texts([json.dumps(request), json.dumps(shuffle(request))])
    assert written(before) == written(after)


@given(any_requests, any_requests)
def test_what_was_asked_before_decides_nothing(engine: Client, request: Json, neighbour: Json) -> None:
    first = written(engine.decide(request))
    engine.decide(neighbour)
    again = [engine.decide(request), *engine.decide_many([neighbour, request, neighbour, request])[1::2]]
    assert [written(decision) for decision in again] == [first] * 3


# --- Old dates keep their answers ------------------------------------------------------------------------------------

DAY_BEFORE, CHANGE, LATER = "2026-06-30", "2026-07-01", "2099-12-31"

# All within the ceiling, or the rules would not use them.
NEW_VALUES: dict[str, Json] = {
    "units_per_visit": 3,
    "pediatric_ot.procedure_codes": {"97110": {"clause": "OT-5", "service": "guided exercise"}},
    "outpatient_pt.effective_date": "2026-02-01",
    "outpatient_pt.initial_visits": {
        "nonacute": {"clause": "PT-3", "evaluation": 1, "treatment": 8},
        "acute": {"clause": "PT-4", "evaluation": 1, "treatment": 10},
    },
    "outpatient_pt.acute_events": ["new_stroke"],
    "outpatient_pt.acute_categories": ["acute", "subacute"],
    "outpatient_pt.eligible_categories": ["acute", "subacute", "other"],
    "outpatient_pt.excluded_specialties": ["pediatric", "lymphedema", "pelvic_floor", "aqua_therapy"],
    "referral.routes": {
        island: {"clause": "REF-1", "chapter": "99", "network": "New Network"}
        for island in SCHEMA["definitions"]["island"]["enum"]
    },
    "contact": {"name": "Someone else", "hours": "never", "fax": ["1", "2"]},
}


def policy_from(change: str, values: dict[str, Json], root: Path) -> bundles.Bundle:
    """The policy with other values of parameters from a date on, instead of its own from that date on."""
    generate.copy_sources(root)
    parameters = copy.deepcopy(PARAMETERS)
    for name, value in values.items():
        parameter = parameters
        for step in name.split("."):
            parameter = parameter[step]
        earlier = [period for period in parameter["periods"] if period["from"] < change]
        parameter["periods"] = [*earlier, {"from": change, "value": value}]
    (root / "policies/therapy/parameters/data.yaml").write_text(json.dumps(parameters), encoding="utf-8")
    return bundles.load(str(root), checked=False)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClient]:
    """The policy with a new value for every parameter."""
    with policy_from(CHANGE, NEW_VALUES, tmp_path_factory.mktemp("changed") / "policy").client() as client:
        yield client


def test_every_parameter_is_changed() -> None:
    def names(tree: dict[str, Any], path: str = "") -> Iterator[str]:
        for name, entry in tree.items():
            if "periods" in entry:
                yield path + name
            else:
                yield from names(entry, f"{path}{name}.")

    assert NEW_VALUES.keys() == set(names(PARAMETERS))


old_dates = st.dates(datetime.date(1900, 1, 1), datetime.date.fromisoformat(DAY_BEFORE)).map(str)


@given(strategies.valid_requests(), strategies.mostly(strategies.pick(None, DAY_BEFORE), old_dates, 1))
def test_requests_of_old_dates_keep_their_decisions(
    embedded: EmbeddedClient, changed: EmbeddedClient, request: Request, date: str | None
) -> None:
    for name in DATED:
        if request.get(name) and (date or request[name] >= CHANGE):
            request = request | {name: date or DAY_BEFORE}
    if request["request_type"] != "referral_route":  # which has no date, and follows the newest chapter
        assert written(embedded.decide(request)) == written(changed.decide(request))


def referral(category: str, event: str, **members: Any) -> Request:
    return {**REFERRAL, "condition": {"category": category, "acute_event": event}, **members}


def visits(decision: Decision) -> tuple[int, int]:
    return decision["authorized"]["evaluation_visits"], decision["authorized"]["treatment_visits"]


def decided_on(client: EmbeddedClient, request: Request, date: str) -> Decision:
    return client.decide(request | {date_field(request["request_type"]): date})


SIXTH_TREATMENT = pt_visit(3) | {
    "visit": {"number": 7, "kind": "treatment", "units": 3, "units_already_authorized": 0},
    "progress_note_number": 7,
    "prior_visits": {"evaluation": 1, "treatment": 5},
}

# What a request shows of a parameter: how to see it, up to the day before the change, and from the change on.
SHOWN: list[tuple[str, Request, Callable[[Decision], object], object, object]] = [
    ("units_per_visit", pt_visit(9), lambda d: d["authorized"]["units"], 4, 3),
    ("units_per_visit", ot_claim(("97110", 9)), lambda d: d["authorized"]["max_units_per_visit"], 4, 3),
    ("units_per_visit", REFERRAL, lambda d: d["authorized"]["max_units_per_visit"], 4, 3),
    ("pediatric_ot.procedure_codes", ot_claim(("97530", 1)), lambda d: d["outcome"], "authorized", "denied"),
    (
        "outpatient_pt.effective_date",
        pt_visit(1, referral_date="2026-01-31"),
        lambda d: d["outcome"],
        "authorized",
        "not_applicable",
    ),
    ("outpatient_pt.initial_visits", referral("acute", "new_stroke"), visits, (1, 11), (1, 10)),
    ("outpatient_pt.initial_visits", referral("subacute", "none"), visits, (1, 5), (1, 8)),
    ("outpatient_pt.initial_visits", SIXTH_TREATMENT, lambda d: d["outcome"], "denied", "authorized"),
    ("outpatient_pt.acute_events", referral("acute", "fracture"), visits, (1, 11), (1, 8)),
    ("outpatient_pt.acute_categories", referral("subacute", "new_stroke"), visits, (1, 5), (1, 10)),
    ("outpatient_pt.eligible_categories", referral("other", "none"), lambda d: d["outcome"], "denied", "authorized"),
    ("referral.routes", REFERRAL, lambda d: d["route"] and d["route"]["chapter"], "11", "99"),
    (
        "contact",
        ot_claim(("00000", 1)),
        lambda d: d["contact"] and d["contact"]["hours"],
        POLICY.on(DAY_BEFORE, "contact")["hours"],
        "never",
    ),
]


@pytest.mark.parametrize(("name", "request_", "shown", "before", "after"), SHOWN, ids=[case[0] for case in SHOWN])
def test_a_new_period_holds_from_its_date(
    embedded: EmbeddedClient,
    changed: EmbeddedClient,
    name: str,
    request_: Request,
    shown: Callable[[Decision], object],
    before: object,
    after: object,
) -> None:
    assert [shown(decided_on(embedded, request_, date)) for date in (DAY_BEFORE, CHANGE)] == [before, before]
    assert [shown(decided_on(changed, request_, date)) for date in (DAY_BEFORE, CHANGE, LATER)] == [
        before,
        after,
        after,
    ]


def test_every_new_period_is_shown() -> None:
    """But that of the specialties, a list that has one usable value: all that a request can name."""
    assert {name for name, *_ in SHOWN} == NEW_VALUES.keys() - {"outpatient_pt.excluded_specialties"}


# --- The ceiling holds whatever the data say -------------------------------------------------------------------------

ABOVE_THE_CEILING: dict[str, Json] = {
    "units_per_visit": MOST_UNITS + 1,
    "pediatric_ot.procedure_codes": POLICY.on(CHANGE, "pediatric_ot", "procedure_codes")
    | {"97140": {"clause": "OT-5", "service": "hands-on treatment"}},
    "outpatient_pt.initial_visits": {
        tier: {"clause": clause, "evaluation": 2, "treatment": 12}
        for tier, clause in (("nonacute", "PT-3"), ("acute", "PT-4"))
    },
}


@pytest.fixture(scope="module", params=ABOVE_THE_CEILING)
def above_the_ceiling(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedClient]:
    """A policy that nobody checked, with a value above the ceiling."""
    values = {request.param: ABOVE_THE_CEILING[request.param]}
    with policy_from(CHANGE, values, tmp_path_factory.mktemp("above") / "policy").client() as client:
        yield client


@given(st.lists(strategies.valid_requests(), min_size=3, max_size=3))
def test_no_decision_is_above_the_ceiling(above_the_ceiling: EmbeddedClient, requests: list[Request]) -> None:
    asked = [*requests, *(dated(request, date) for request in requests for date in (DAY_BEFORE, CHANGE))]
    asked += [ot_claim(("97140", 1), ("97530", 9), service_date=CHANGE), pt_visit(9, service_date=CHANGE)]
    for each, decision in zip(asked, above_the_ceiling.decide_many(asked), strict=True):
        assert_within_the_ceiling_of_units(each, decision)
        assert set(decision["authorized"]["procedure_codes"]) <= MOST_CODES
        assert decision["authorized"]["evaluation_visits"] <= CEILING["evaluation_visits"]["most"]
        assert decision["authorized"]["treatment_visits"] <= CEILING["treatment_visits"]["most"]


def test_a_value_above_the_ceiling_is_not_used(above_the_ceiling: EmbeddedClient) -> None:
    asked = [REFERRAL | {"referral_date": CHANGE}, ot_claim(("97530", 1), service_date=CHANGE)]
    decisions = above_the_ceiling.decide_many(asked)
    assert any(UNUSABLE in codes(decision) for decision in decisions)
    assert all(decision["outcome"] == "pended" or UNUSABLE not in codes(decision) for decision in decisions)


# --- Free text stays where it is -------------------------------------------------------------------------------------

markers = st.text("qxzjvk", min_size=12, max_size=12)


def assert_not_repeated(marker: str, request: Json, decision: Decision) -> None:
    """Nothing in a decision has the marker, except for the caller's own reference, which is echoed."""
    assert decision["request_id"] is None or decision["request_id"] == request["request_id"]
    assert marker not in json.dumps({name: value for name, value in decision.items() if name != "request_id"})


@given(strategies.valid_requests(), markers)
def test_no_free_text_of_a_valid_request_is_repeated(engine: Client, request: Request, marker: str) -> None:
    marked = copy.deepcopy(request)
    for one in stated_in(request):
        if one.form == TEXT and oracle.present(one.value):  # a blank one stays blank, for the reasons that it gives
            put(marked, one.place, (marker + one.value)[:4000])
    decision = engine.decide(marked)
    assert decision["outcome"] != "invalid_request"
    assert_not_repeated(marker, request, decision)


def marked_at(value: Json, place: FieldPath, marker: str, odd: FieldPath | None) -> Json:
    """The value, with the marker in every string that is not a word of the published schema, and at one odd place."""
    if place == odd:
        return f"{value} {marker}" if isinstance(value, str) else marker
    if isinstance(value, dict):
        return {name: marked_at(member, (*place, name), marker, odd) for name, member in value.items()}
    if isinstance(value, list):
        return [marked_at(element, (*place, index), marker, odd) for index, element in enumerate(value)]
    return f"{value} {marker}" if isinstance(value, str) and not is_word(value) else value


def is_word(text: str) -> bool:
    return re.fullmatch("[0-9A-Z]{2,5}|[a-z]+(_[a-z]+)*|[0-9]{4}-[0-9]{2}-[0-9]{2}|", text) is not None


@given(any_requests, markers, st.data())
def test_no_text_of_any_request_is_repeated(engine: Client, request: Json, marker: str, data: DataObject) -> None:
    odd = data.draw(strategies.mostly(st.none(), st.sampled_from([(), *strategies.paths(request)]), 1))
    marked = marked_at(request, (), marker, odd)
    assert_not_repeated(marker, marked, engine.decide(marked))
