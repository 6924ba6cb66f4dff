"""The oracle against decisions worked out by hand, and the strategies against what they promise."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from proof import oracle, strategies
from proof.comparison import NOTHING

CONTACT = {
    "name": "Authorization and Referral Management",
    "hours": "Monday\u2013Friday 08:00\u201317:00",
    "fax": ["1-808-432-5691", "1-808-432-5667"],
}


def ot(*lines: tuple[str, int], already: int = 0, **members: Any) -> dict[str, Any]:
    return {
        "request_type": "pediatric_ot_claim",
        "benefit_status": "covered",
        "service_date": "2021-01-01",
        "medical_necessity": "established",
        "units_already_authorized": already,
        "service_lines": [{"procedure_code": code, "units": units} for code, units in lines],
        **members,
    }


def referral(category: str = "acute", event: str | None = "fracture", **members: Any) -> dict[str, Any]:
    return {
        "request_type": "pt_referral",
        "benefit_status": "covered",
        "referral_date": "2022-06-01",
        "specialty": "none",
        "condition": {"category": category, "acute_event": event},
        "expected_improvement": dict.fromkeys(oracle.IMPROVEMENT_ASPECTS, True),
        **members,
    }


def visit(kind: str = "treatment", units: int = 4, already: int = 0, prior: int = 0, **members: Any) -> dict[str, Any]:
    """A visit in sequence after `prior` treatments; one evaluation comes before any treatment."""
    evaluations = 1 if kind == "treatment" else 0
    number = evaluations + prior + 1
    return {
        "request_type": "pt_visit",
        "benefit_status": "covered",
        "service_date": "2024-02-29",
        "specialty": "none",
        "tier": "nonacute",
        "visit": {"number": number, "kind": kind, "units": units, "units_already_authorized": already},
        "progress_note_number": number,
        "prior_visits": {"evaluation": evaluations, "treatment": prior},
        "plan_of_care_complete": True if kind == "treatment" else None,
        **members,
    }


def status(measure: str = "pain 0-10", value: str = "7") -> dict[str, str]:
    return {"measure": measure, "value": value}


PAPERS: dict[str, Any] = {
    "goals": [
        {
            "goal_id": "g1",
            "initial_status": status(),
            "last_period_status": status(value="5"),
            "current_status": status(value="3"),
        }
    ],
    "notes": [{"visit_number": 2, "goals_addressed": ["g1"]}, {"visit_number": 1, "goals_addressed": []}],
    "planned_interventions": [{"technique": "gait", "amount": "2 units", "frequency": "weekly", "duration": "6 weeks"}],
    "impeding_factors": {"identified": [" "], "none_identified": True},
    "response_summary": "good",
    "limiting_issues": [],
    "prognosis": {"statement": "good", "discharge_criteria": ["", "walks a mile"]},
    "plan_of_care_changes": {"significant_change": False},
    "extension_form_completed": True,
}


def extension(papers: dict[str, Any] | None = PAPERS, **members: Any) -> dict[str, Any]:
    return {
        "request_type": "pt_extension",
        "benefit_status": "covered",
        "request_date": "2024-02-29",
        "specialty": "none",
        "requested_visits": 6,
        "documentation": papers,
        **members,
    }


UNMET = {
    "functional_impairment_resolved": False,
    "goals_achieved": False,
    "returned_to_prior_function": False,
    "adapted_with_equipment": False,
    "extended_period_of_service": True,
    "progress_cause_indeterminate": False,
    "unable_to_participate": False,
    "home_program_noncompliance": False,
    "lacks_scheduled_participation": False,
    "meets_continuation_criteria": True,
}


def continuation(discontinuation: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "request_type": "pt_continuation",
        "benefit_status": "covered",
        "review_date": "2024-02-29",
        "specialty": "none",
        "discontinuation": discontinuation,
        **members,
    }


PLAN: dict[str, Any] = {
    "diagnosis": "knee",
    "planned_interventions": ["", "gait"],
    "frequency": "weekly",
    "duration": "6 weeks",
    "goals": [{"statement": "walk", "measure": "m", "functional_activity": "shop", "target_date": "2024-02-29"}],
    "expected_potential": "good",
    "patient_caregiver_education": True,
}


def plan(plan_of_care: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    return {
        "request_type": "pt_treatment_plan",
        "benefit_status": "covered",
        "service_date": "2024-02-29",
        "specialty": "none",
        "plan_of_care": plan_of_care,
        **members,
    }


# Name: request, outcome, reasons as "code path", authorized where something is.
CASES: dict[str, tuple[object, str, list[str], dict[str, Any]]] = {
    "no object": ([], "invalid_request", ["REQUEST_INVALID "], {}),
    "an unknown type hides the rest": (
        {"request_type": "ot", "x": 1},
        "invalid_request",
        ["REQUEST_INVALID /request_type"],
        {},
    ),
    "errors in order, indexes as numbers, names escaped, nothing below an error": (
        ot(*[("97110", 0 if index in (2, 10) else 1) for index in range(11)], already=100)
        | {"medical_necessity": None, "service_date": "2023-02-29", "~/": None, "modifiers": {"x": 1}},
        "invalid_request",
        [
            "REQUEST_INVALID /modifiers",
            "REQUEST_INVALID /service_date",
            "REQUEST_INVALID /service_lines/2/units",
            "REQUEST_INVALID /service_lines/10/units",
            "REQUEST_INVALID /units_already_authorized",
            "REQUEST_INVALID /~0~1",
        ],
        {},
    ),
    "a missing property, and a required one that is null": (
        {"request_type": "pt_continuation", "review_date": None, "specialty": "none"},
        "invalid_request",
        ["REQUEST_INVALID /discontinuation", "REQUEST_INVALID /review_date"],
        {},
    ),
    "a route takes no benefit": (
        {"request_type": "referral_route", "island": "maui", "benefit_status": None},
        "invalid_request",
        ["REQUEST_INVALID /benefit_status"],
        {},
    ),
    "primary lines come before the add-on": (
        ot(("97130", 2), ("97129", 1), ("97110", 2)),
        "partially_authorized",
        ["OT_UNITS_OVER_VISIT_LIMIT /service_lines/0/units"],
        {"units": 4, "procedure_codes": ["97110", "97129", "97130"], "max_units_per_visit": 4},
    ),
    "a denied line takes no units": (
        ot(("97140", 4), ("97110", 4)),
        "partially_authorized",
        ["OT_CODE_NOT_LISTED /service_lines/0/procedure_code"],
        {"units": 4, "procedure_codes": ["97110"], "max_units_per_visit": 4},
    ),
    "the visit's units are used up": (
        ot(("97110", 1), ("97140", 1), already=5),
        "pended",
        [
            "OT_CODE_NOT_LISTED /service_lines/1/procedure_code",
            "OT_UNITS_OVER_VISIT_LIMIT /service_lines/0/units",
        ],
        {},
    ),
    "every line denied for its own sake, while a pend applies to the whole": (
        ot(("97130", 1), ("XXXXX", 1), benefit_status=None),
        "denied",
        [
            "BENEFIT_UNVERIFIED /benefit_status",
            "OT_CODE_NOT_LISTED /service_lines/1/procedure_code",
            "OT_ADD_ON_WITHOUT_PRIMARY /service_lines/0/procedure_code",
        ],
        {},
    ),
    "not necessary, and units over": (
        ot(("97110", 5), medical_necessity="not_established", benefit_status="unverified"),
        "denied",
        [
            "BENEFIT_UNVERIFIED /benefit_status",
            "OT_NOT_MEDICALLY_NECESSARY /medical_necessity",
            "OT_UNITS_OVER_VISIT_LIMIT /service_lines/0/units",
        ],
        {},
    ),
    "acute referral": (
        referral(),
        "authorized",
        [],
        {"evaluation_visits": 1, "treatment_visits": 11, "max_units_per_visit": 4},
    ),
    "acute without a listed event": (
        referral(event="none"),
        "authorized",
        ["PT_ACUTE_EVENT_NOT_LISTED /condition/acute_event"],
        {"evaluation_visits": 1, "treatment_visits": 5, "max_units_per_visit": 4},
    ),
    "subacute after a fracture is nonacute": (
        referral("subacute"),
        "authorized",
        ["PT_TIER_NOT_NAMED /condition/category"],
        {"evaluation_visits": 1, "treatment_visits": 5, "max_units_per_visit": 4},
    ),
    "not eligible, one aspect false, one not stated": (
        referral(
            "other",
            expected_improvement=dict.fromkeys(oracle.IMPROVEMENT_ASPECTS[:4], True) | {"result_of_pt": False},
        ),
        "denied",
        [
            "PT_CONDITION_NOT_ELIGIBLE /condition/category",
            "PT_IMPROVEMENT_NOT_EXPECTED /expected_improvement/result_of_pt",
            "PT_IMPROVEMENT_UNDOCUMENTED /expected_improvement/within_reasonable_period",
        ],
        {},
    ),
    "scope hides all else": (
        referral("other", referral_date="2022-05-31", specialty="pediatric", benefit_status="not_covered"),
        "not_applicable",
        ["PT_BEFORE_EFFECTIVE_DATE /referral_date", "PT_SPECIALTY_EXCLUDED /specialty"],
        {},
    ),
    "complete plan": (plan(PLAN), "authorized", [], {}),
    "no plan lacks all seven parts": (
        plan(None),
        "pended",
        [
            f"PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/{part}"
            for part in (
                "diagnosis",
                "duration",
                "expected_potential",
                "frequency",
                "goals",
                "patient_caregiver_education",
                "planned_interventions",
            )
        ],
        {},
    ),
    "blank is not present, U+001C and U+200B are": (
        plan(
            PLAN | {"diagnosis": "\u3000\n", "frequency": "\x1c", "duration": "\u200b", "goals": [{}, *PLAN["goals"]]}
        ),
        "pended",
        [
            "PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/diagnosis",
            "PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/goals/0/functional_activity",
            "PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/goals/0/measure",
            "PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/goals/0/statement",
            "PT_PLAN_OF_CARE_INCOMPLETE /plan_of_care/goals/0/target_date",
        ],
        {},
    ),
    "evaluation needs no plan": (
        visit("evaluation"),
        "authorized",
        [],
        {"units": 4, "evaluation_visits": 1, "max_units_per_visit": 4},
    ),
    "fifth treatment, some units left": (
        visit(units=4, already=1, prior=4),
        "partially_authorized",
        ["PT_UNITS_OVER_VISIT_LIMIT /visit/units"],
        {"units": 3, "treatment_visits": 1, "max_units_per_visit": 4},
    ),
    "no units left": (visit(units=1, already=4), "denied", ["PT_UNITS_OVER_VISIT_LIMIT /visit/units"], {}),
    "a pend comes before spent units": (
        visit(units=1, already=4, plan_of_care_complete=False),
        "pended",
        ["PT_PLAN_OF_CARE_MISSING /plan_of_care_complete", "PT_UNITS_OVER_VISIT_LIMIT /visit/units"],
        {},
    ),
    "sixth treatment": (visit(prior=5), "denied", ["PT_TREATMENT_VISIT_LIMIT /prior_visits/treatment"], {}),
    "sixth treatment, acute": (
        visit(prior=5, tier="acute"),
        "authorized",
        [],
        {"units": 4, "treatment_visits": 1, "max_units_per_visit": 4},
    ),
    "second evaluation, out of sequence, its note with another number": (
        visit("evaluation", prior_visits={"evaluation": 1, "treatment": 9}, progress_note_number=2, tier="acute"),
        "denied",
        [
            "PT_EVALUATION_VISIT_LIMIT /prior_visits/evaluation",
            "PT_VISIT_OUT_OF_SEQUENCE /visit/number",
            "PT_NOTE_NOT_NUMBERED /progress_note_number",
        ],
        {},
    ),
    "a visit with a criterion met, another not stated": (
        visit(discontinuation={"goals_achieved": True, "adapted_with_equipment": None}),
        "denied",
        ["DC_NO_LONGER_NEEDED /discontinuation/goals_achieved"],
        {},
    ),
    "complete papers pend": (extension(), "pended", ["EXT_READY_FOR_CLINICAL_REVIEW "], {}),
    "complete papers, benefit not verified": (
        extension(benefit_status=None),
        "pended",
        ["BENEFIT_UNVERIFIED /benefit_status"],
        {},
    ),
    "no papers": (
        extension(None),
        "pended",
        [
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/notes",
            "EXT_INTERVENTIONS_INCOMPLETE /documentation/planned_interventions",
            "EXT_IMPEDING_FACTORS_MISSING /documentation/impeding_factors",
            "EXT_RESPONSE_SUMMARY_MISSING /documentation/limiting_issues",
            "EXT_RESPONSE_SUMMARY_MISSING /documentation/response_summary",
            "EXT_PROGNOSIS_INCOMPLETE /documentation/prognosis/discharge_criteria",
            "EXT_PROGNOSIS_INCOMPLETE /documentation/prognosis/statement",
            "EXT_PLAN_CHANGES_UNEXPLAINED /documentation/plan_of_care_changes/significant_change",
            "EXT_FORM_MISSING /documentation/extension_form_completed",
        ],
        {},
    ),
    "goals and notes that do not match": (
        extension(
            PAPERS
            | {
                "goals": [
                    {
                        "goal_id": "g1",
                        "initial_status": status(),
                        "last_period_status": status("steps"),
                        "current_status": {"measure": "steps"},
                    },
                    {**PAPERS["goals"][0], "goal_id": "g1"},
                    {**PAPERS["goals"][0], "goal_id": " "},
                ],
                "notes": [
                    {"visit_number": 1, "goals_addressed": ["g1", "g9"]},
                    {"visit_number": 3, "goals_addressed": []},
                ],
                "impeding_factors": {"identified": ["asthma"], "none_identified": True},
                "plan_of_care_changes": {"significant_change": True, "explanation": "new brace"},
            }
        ),
        "pended",
        [
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/0/current_status",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/0/current_status/measure",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/0/last_period_status/measure",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/1/goal_id",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/2",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/goals/2/goal_id",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/notes",
            "EXT_PROGRESS_NOTES_INCOMPLETE /documentation/notes/0/goals_addressed/1",
            "EXT_IMPEDING_FACTORS_MISSING /documentation/impeding_factors",
            "EXT_PLAN_CHANGES_UNEXPLAINED /documentation/plan_of_care_changes/clinical_rationale",
        ],
        {},
    ),
    "may continue": (continuation(UNMET), "authorized", [], {}),
    "nothing is told": (continuation({}), "pended", ["DC_UNDETERMINED /discontinuation"] * 6, {}),
    "one half of DC-3 is false, so the other need not be told": (
        continuation(UNMET | {"extended_period_of_service": None}),
        "authorized",
        [],
        {},
    ),
    "half of DC-3 is true, the other not told": (
        continuation(UNMET | {"progress_cause_indeterminate": None}),
        "pended",
        ["DC_UNDETERMINED /discontinuation"],
        {},
    ),
    "a met criterion hides the untold": (
        continuation({"meets_continuation_criteria": False, "lacks_scheduled_participation": True}),
        "denied",
        [
            "DC_NONCOMPLIANT /discontinuation/lacks_scheduled_participation",
            "DC_CONTINUATION_CRITERIA_NOT_MET /discontinuation/meets_continuation_criteria",
        ],
        {},
    ),
    "route": ({"request_type": "referral_route", "island": "lanai"}, "routed", [], {}),
}


@pytest.mark.parametrize(("request_", "outcome", "reasons", "authorized"), CASES.values(), ids=CASES.keys())
def test_decisions_worked_out_by_hand(
    request_: object, outcome: str, reasons: list[str], authorized: dict[str, Any]
) -> None:
    decision = oracle.decide(request_)
    assert decision["outcome"] == outcome
    assert [f"{r['code']} {r['path']}" for r in decision["reasons"]] == reasons
    assert decision["authorized"] == NOTHING | authorized
    assert decision["contact"] == (None if outcome in ("authorized", "routed") else CONTACT)


def test_lines_of_a_claim() -> None:
    lines = oracle.decide(ot(("97130", 1), ("97129", 3), ("97110", 2), ("97140", 1)))["lines"]
    over, unlisted = ["OT_UNITS_OVER_VISIT_LIMIT"], ["OT_CODE_NOT_LISTED"]
    assert lines == [
        line(1, "97130", "pended", 1, 0, over),
        line(2, "97129", "authorized", 3, 3, []),
        line(3, "97110", "partially_authorized", 2, 1, over),
        line(4, "97140", "denied", 1, 0, unlisted),
    ]


def test_lines_of_a_pended_claim() -> None:
    lines = oracle.decide(ot(("97140", 1), ("97110", 5), benefit_status="unverified"))["lines"]
    assert lines == [
        line(1, "97140", "denied", 1, 0, ["BENEFIT_UNVERIFIED", "OT_CODE_NOT_LISTED"]),
        line(2, "97110", "pended", 5, 0, ["BENEFIT_UNVERIFIED", "OT_UNITS_OVER_VISIT_LIMIT"]),
    ]


def line(number: int, code: str, status: str, requested: int, authorized: int, reasons: list[str]) -> dict[str, Any]:
    return {
        "line": number,
        "procedure_code": code,
        "status": status,
        "units_requested": requested,
        "units_authorized": authorized,
        "reasons": reasons,
    }


def test_clauses_that_depend_on_the_request() -> None:
    def clauses(request: object) -> list[list[str]]:
        return [r["clauses"] for r in oracle.decide(request)["reasons"]]

    assert clauses(visit(prior=5)) == [["PT-3"]]
    assert clauses(visit(prior=11, tier="acute")) == [["PT-4"]]
    assert clauses(extension()) == [["EXT-1", "EXT-2", "EXT-3", "EXT-4", "EXT-5", "EXT-6", "EXT-7"]]
    assert clauses(continuation({})) == [["DC-1"], ["DC-2"], ["DC-3"], ["DC-4"], ["DC-5"], ["DC-6"]]


def test_a_whole_reason() -> None:
    assert oracle.decide(visit(progress_note_number=None, visit=visit()["visit"] | {"number": 3}))["reasons"][0] == {
        "code": "PT_VISIT_OUT_OF_SEQUENCE",
        "effect": "pend",
        "clauses": ["PT-9"],
        "interpretation": "INT-15",
        "path": "/visit/number",
    }


def test_route_of_any_valid_request_with_an_island() -> None:
    kauai = {"chapter": "17", "network": "Neighbor Island Network"}
    assert oracle.decide({"request_type": "referral_route", "island": "oahu"})["route"] == {
        "chapter": "11",
        "network": None,
    }
    assert oracle.decide(referral(island="kauai"))["route"] == kauai
    assert oracle.decide(referral("other", island="kauai"))["route"] == kauai
    assert oracle.decide(referral(island="kauai", specialty="pediatric"))["route"] == kauai
    assert oracle.decide(referral(island="kauai", specialty="x"))["route"] is None


def test_request_id_and_type_are_echoed_even_from_an_invalid_request() -> None:
    decision = oracle.decide({"request_type": "pt_visit", "request_id": "A-b.c:_9" * 8})
    assert (decision["request_type"], decision["request_id"]) == ("pt_visit", "A-b.c:_9" * 8)
    for name in ("a b", "a\n", "😀", "a/b"):
        assert oracle.decide({"request_type": "pt_visit", "request_id": name})["request_id"] is None
    decision = oracle.decide({"request_type": "visit", "request_id": "x" * 65})
    assert (decision["request_type"], decision["request_id"]) == (None, None)
    assert oracle.decide({"request_type": "x", "request_id": "a"})["request_id"] == "a"


def is_valid(request: object) -> bool:
    return bool(oracle.decide(request)["outcome"] != "invalid_request")


@pytest.mark.parametrize("written", ["4", "4.0", "4.000"])
def test_whole_numbers_mean_the_same_however_written(written: str) -> None:
    lines = oracle.decide(oracle.parse(json.dumps(ot(("97110", 7))).replace("7}", written + "}")))["lines"]
    assert json.dumps(lines[0]["units_requested"]) == "4"


@pytest.mark.parametrize("written", ["0", "-0", "-0.0"])
def test_minus_zero_is_zero(written: str) -> None:
    text = json.dumps(ot(("97110", 1))).replace('authorized": 0', 'authorized": ' + written)
    assert written in text
    assert oracle.decide(oracle.parse(text))["outcome"] == "authorized"


@pytest.mark.parametrize(
    "written",
    ["4e0", "4E0", "0.4e1", "1e99999999", "4.5", "-4", "100", '"4"', "true", "NaN", "9" * 100_000, "1e22"],
    ids=lambda w: w[:9],
)
def test_other_numbers_are_invalid(written: str) -> None:
    text = json.dumps(ot(("97110", 7))).replace("7}", written + "}")
    assert [r["path"] for r in oracle.decide(oracle.parse(text))["reasons"]] == ["/service_lines/0/units"]


def test_numbers_given_directly() -> None:
    whole: list[Any] = [4.0, -0.0]
    assert is_valid(ot(("97110", whole[0]), already=whole[1]))
    wrong: list[Any] = [4.5, 1e22, 10**5000, float("nan"), True]
    for units in wrong:
        assert not is_valid(ot(("97110", units)))


@pytest.mark.parametrize(
    ("date", "valid"),
    [
        ("1900-01-01", True),
        ("2099-12-31", True),
        ("2000-02-29", True),
        ("1900-02-29", False),
        ("1899-12-31", False),
        ("2100-01-01", False),
        ("2024-01-01\n", False),
        ("\u0662\u0660\u0662\u0664-01-01", False),
        ("2024-W01-1", False),
    ],
)
def test_dates(date: str, valid: bool) -> None:
    assert (oracle.decide(ot(("97110", 1), service_date=date))["outcome"] == "authorized") is valid


def test_list_and_text_limits() -> None:
    assert is_valid(ot(*[("97110", 1)] * 50))
    assert not is_valid(ot(*[("97110", 1)] * 51))
    assert not is_valid(ot())
    assert is_valid(plan({"diagnosis": "😀" * 4000}))
    assert not is_valid(plan({"diagnosis": "😀" * 4001}))
    for name, element, most in (("goals", {}, 20), ("planned_interventions", "a", 50)):
        assert is_valid(plan({name: [element] * most}))
        assert not is_valid(plan({name: [element] * (most + 1)}))
    crowd = {f"unknown {n}": None for n in range(11)}
    assert len(oracle.decide(plan({}) | dict(list(crowd.items())[:10]))["reasons"]) == 10
    assert [each["path"] for each in oracle.decide(plan({}) | crowd)["reasons"]] == [""]
    assert not is_valid(plan({"planned_interventions": [None]}))


def test_many_requests() -> None:
    def places(decisions: list[dict[str, Any]]) -> list[list[str]]:
        return [[r["path"] for r in decision["reasons"]] for decision in decisions]

    route = {"request_type": "referral_route", "island": "oahu"}
    assert places(oracle.decide_many({"requests": [route, None, {"request_type": "referral_route"}]})) == [
        [],
        [""],
        ["/island"],
    ]
    assert oracle.decide_many({"requests": []}) == []
    assert len(oracle.decide_many({"requests": [route] * 1000})) == 1000
    no_lists: list[object] = [oracle.MISSING, None, [], "x", {}, {"requests": {}}, {"requests": [route] * 1001}]
    for value in no_lists:
        assert places(oracle.decide_many(value)) == [["/requests"]]
    assert oracle.decide(oracle.MISSING)["reasons"][0]["path"] == ""


# --- The strategies --------------------------------------------------------------------------------------------------

DRAWS = settings(max_examples=3000, derandomize=True, database=None, deadline=None)


def test_valid_requests_are_valid_and_reach_every_outcome_and_reason() -> None:
    outcomes: set[str] = set()
    codes: set[str] = set()

    @DRAWS
    @given(strategies.valid_requests())
    def decide(request: dict[str, Any]) -> None:
        decision = oracle.decide(request)
        assert decision["outcome"] != "invalid_request", decision["reasons"]
        outcomes.add(decision["outcome"])
        codes.update(r["code"] for r in decision["reasons"])

    decide()
    assert {"authorized", "partially_authorized", "denied", "pended", "not_applicable", "routed"} - outcomes == set()
    assert set(oracle.REASONS) - codes == {"REQUEST_INVALID", "POLICY_VALUE_UNUSABLE"}


@settings(max_examples=500, derandomize=True, database=None, deadline=None)
@given(strategies.nearly_valid_requests() | strategies.json_values())
def test_every_json_value_gets_the_same_decision_as_when_it_comes_as_text(value: object) -> None:
    decision = oracle.decide(value)
    assert decision == oracle.decide(oracle.parse(json.dumps(value)))
    assert decision["authorized"] == NOTHING or decision["outcome"] in ("authorized", "partially_authorized")
