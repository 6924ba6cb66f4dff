"""The coverage policy a second time, in plain Python, for comparison with the Rego policy.

Its logic is written from the clauses alone: a copy made from the first could not disagree with it. It takes the numbers
and lists from the policy under proof, by date, through a reader of its own. It leaves out the sentences for people
(`message`, `remedy`) and `policy_version`.
"""

import datetime
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from proof.policy_in_force import POLICY, PolicyInForce

MISSING = object()  # represents an `input` that is missing


# --- Numbers as they are spelled --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Literal:
    """A number that is not a whole number in plain digits, such as `4.5`, `4e0` or one of 5,000 digits."""

    text: str


def parse(text: str) -> object:
    """Parse JSON text; every number that is not spelled like `4` or `4.0` becomes a `Literal`, such as `4e0`.

    Raises json.JSONDecodeError if the text is not valid JSON.
    """
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=Literal)


def _number(text: str) -> int | Literal:
    # Fifteen digits are far above every range here; int() rejects texts of more than 4,300 digits.
    match = re.fullmatch(r"(-?[0-9]{1,15})(\.0+)?", text)
    return int(match[1]) if match else Literal(text)


# --- Valid requests --------------------------------------------------------------------------------------------------

Path = tuple[str | int, ...]
Check = Callable[[Any], Iterator[Path]]  # the paths of the errors in a value; () is the value itself


def passing(test: Callable[[Any], bool]) -> Check:
    def check(value: Any) -> Iterator[Path]:
        if not test(value):
            yield ()

    return check


def one_of(*names: str) -> Check:
    return passing(lambda value: isinstance(value, str) and value in names)


def matching(pattern: str) -> Check:
    return passing(lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def characters(low: int, high: int) -> Check:
    return passing(lambda value: isinstance(value, str) and low <= len(value) <= high)


def whole(low: int, high: int) -> Check:
    def is_whole(value: Any) -> bool:
        if isinstance(value, float):
            return re.fullmatch(r"-?[0-9]+\.0", repr(value)) is not None and low <= value <= high
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return passing(is_whole)


def list_of(element: Check, low: int = 0, high: int = 200) -> Check:
    def check(value: Any) -> Iterator[Path]:
        if not isinstance(value, list) or not low <= len(value) <= high:
            yield ()
            return
        for index, item in enumerate(value):
            yield from ((index, *below) for below in element(item))

    return check


MOST_UNKNOWN_FIELDS = 10  # an object with more of them is one error


def record(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    def check(value: Any) -> Iterator[Path]:
        if not isinstance(value, dict):
            yield ()
            return
        if sum(name not in required and name not in optional for name in value) > MOST_UNKNOWN_FIELDS:
            yield ()
            return
        yield from ((name,) for name in required if name not in value)
        for name, content in value.items():
            if name in required:
                yield from ((name, *below) for below in required[name](content))
            elif name not in optional:
                yield (name,)
            elif content is not None:
                yield from ((name, *below) for below in optional[name](content))

    return check


def is_date(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


flag = passing(lambda value: isinstance(value, bool))
date = passing(is_date)
text = characters(0, 4000)
texts = list_of(text)

SPECIALTY = one_of("none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric")
ISLANDS = ("oahu", "maui", "hawaii", "kauai", "lanai", "molokai")
ISLAND = one_of(*ISLANDS)
REQUEST_ID = matching("[A-Za-z0-9._:-]{1,64}")

IMPROVEMENT_ASPECTS = (
    "measurable",
    "significant",
    "sustainable",
    "functional",
    "within_reasonable_period",
    "result_of_pt",
)

PLAN_GOAL_TEXTS = ("statement", "measure", "functional_activity")
PLAN_OF_CARE = record(
    {},
    {
        "diagnosis": text,
        "planned_interventions": list_of(text, high=50),
        "frequency": text,
        "duration": text,
        "goals": list_of(record({}, dict.fromkeys(PLAN_GOAL_TEXTS, text) | {"target_date": date}), high=20),
        "expected_potential": text,
        "patient_caregiver_education": flag,
    },
)

STATUSES = ("initial_status", "last_period_status", "current_status")
INTERVENTION_PARTS = ("technique", "amount", "frequency", "duration")
DOCUMENTATION = record(
    {},
    {
        "goals": list_of(
            record({"goal_id": text}, dict.fromkeys(STATUSES, record({}, {"measure": text, "value": text}))), high=20
        ),
        "notes": list_of(
            record({"visit_number": whole(1, 999), "goals_addressed": list_of(text, high=20)}, {}), high=100
        ),
        "planned_interventions": list_of(record({}, dict.fromkeys(INTERVENTION_PARTS, text)), high=50),
        "impeding_factors": record({}, {"identified": texts, "none_identified": flag}),
        "response_summary": text,
        "limiting_issues": texts,
        "prognosis": record({}, {"statement": text, "discharge_criteria": texts}),
        "plan_of_care_changes": record(
            {}, {"significant_change": flag, "explanation": text, "clinical_rationale": text}
        ),
        "extension_form_completed": flag,
    },
)

DISCONTINUATION = record(
    {},
    dict.fromkeys(
        (
            "functional_impairment_resolved",
            "goals_achieved",
            "returned_to_prior_function",
            "adapted_with_equipment",
            "extended_period_of_service",
            "progress_cause_indeterminate",
            "unable_to_participate",
            "home_program_noncompliance",
            "lacks_scheduled_participation",
            "meets_continuation_criteria",
        ),
        flag,
    ),
)

SERVICE_LINE = record(
    {"procedure_code": matching("[0-9A-Z]{5}"), "units": whole(1, 99)},
    {"modifiers": list_of(matching("[0-9A-Z]{2}"), high=4)},
)

CATEGORIES = (
    "acute",
    "acute_exacerbation_of_chronic",
    "subacute",
    "neurodevelopmental",
    "function_limiting_chronic",
    "other",
)
CONDITION = record(
    {"category": one_of(*CATEGORIES)},
    {"acute_event": one_of("new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event", "none")},
)


def request_shape(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    benefit = {"benefit_status": one_of("covered", "not_covered", "unverified")}
    return record({"request_type": text} | required, {"request_id": REQUEST_ID} | benefit | optional)


SHAPES: dict[str, Check] = {
    "pediatric_ot_claim": request_shape(
        {
            "service_date": date,
            "units_already_authorized": whole(0, 99),
            "service_lines": list_of(SERVICE_LINE, 1, 50),
        },
        {"medical_necessity": one_of("established", "not_established", "undetermined")},
    ),
    "pt_referral": request_shape(
        {"referral_date": date, "specialty": SPECIALTY, "condition": CONDITION},
        {
            "expected_improvement": record({}, dict.fromkeys(IMPROVEMENT_ASPECTS, flag)),
            "island": ISLAND,
            "requested_visits": whole(1, 999),
        },
    ),
    "pt_treatment_plan": request_shape({"service_date": date, "specialty": SPECIALTY}, {"plan_of_care": PLAN_OF_CARE}),
    "pt_visit": request_shape(
        {
            "service_date": date,
            "specialty": SPECIALTY,
            "tier": one_of("acute", "nonacute"),
            "visit": record(
                {
                    "number": whole(1, 999),
                    "kind": one_of("evaluation", "treatment"),
                    "units": whole(1, 99),
                    "units_already_authorized": whole(0, 99),
                },
                {},
            ),
            "prior_visits": record({"evaluation": whole(0, 999), "treatment": whole(0, 999)}, {}),
        },
        {
            "referral_date": date,
            "progress_note_number": whole(1, 999),
            "plan_of_care_complete": flag,
            "discontinuation": DISCONTINUATION,
        },
    ),
    "pt_extension": request_shape(
        {"request_date": date, "specialty": SPECIALTY, "requested_visits": whole(1, 999)},
        {"documentation": DOCUMENTATION, "discontinuation": DISCONTINUATION},
    ),
    "pt_continuation": request_shape(
        {"review_date": date, "specialty": SPECIALTY, "discontinuation": DISCONTINUATION}, {}
    ),
    # No benefit_status: the chapter of the manual does not depend on coverage.
    "referral_route": record({"request_type": text, "island": ISLAND}, {"request_id": REQUEST_ID}),
}


def request_type_of(request: object) -> str | None:
    kind = request.get("request_type") if isinstance(request, dict) else None
    return kind if isinstance(kind, str) and kind in SHAPES else None


def request_id_of(request: object) -> str | None:
    name = request.get("request_id") if isinstance(request, dict) else None
    return None if list(REQUEST_ID(name)) else name


def validation_errors(request: object) -> Iterator[Path]:
    kind = request_type_of(request)
    if not isinstance(request, dict):
        yield ()
    elif kind is None:
        yield ("request_type",)
    else:
        yield from SHAPES[kind](request)


def normalize(value: Any) -> Any:
    """A valid request without nulls, which mean the same as missing fields, and with every number an int."""
    if isinstance(value, dict):
        return {name: normalize(content) for name, content in value.items() if content is not None}
    if isinstance(value, list):
        return [normalize(item) for item in value]
    return int(value) if isinstance(value, float) else value


# Unicode's White_Space property; str.isspace() also includes U+001C to U+001F.
WHITE_SPACE = frozenset(
    map(
        chr,
        [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000],
    )
)


def present(value: str | None) -> bool:
    return value is not None and any(character not in WHITE_SPACE for character in value)


def any_present(values: Iterable[str]) -> bool:
    return any(present(value) for value in values)


# --- Reasons ---------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    effect: str
    clauses: tuple[str, ...] = ()
    interpretation: str | None = None
    whole_request: bool = True  # False: the reason applies only to a line or to units


REASONS: dict[str, Row] = {
    "REQUEST_INVALID": Row("invalid"),
    "PT_BEFORE_EFFECTIVE_DATE": Row("scope", ("PT-1",), "INT-9"),
    "PT_SPECIALTY_EXCLUDED": Row("scope", ("PT-2",), "INT-9"),
    "BENEFIT_NOT_COVERED": Row("deny", ("UM-2",)),
    "BENEFIT_UNVERIFIED": Row("pend", ("UM-2",), "INT-13"),
    "OT_NOT_MEDICALLY_NECESSARY": Row("deny", ("OT-1",)),
    "OT_MEDICAL_NECESSITY_UNDETERMINED": Row("pend", ("OT-1",)),
    "OT_CODE_NOT_LISTED": Row("deny", ("OT-3",), whole_request=False),
    "OT_ADD_ON_WITHOUT_PRIMARY": Row("deny", ("OT-6",), "INT-14", whole_request=False),
    "OT_UNITS_OVER_VISIT_LIMIT": Row("pend", ("PT-5",), "INT-2", whole_request=False),
    "PT_CONDITION_NOT_ELIGIBLE": Row("deny", ("PT-6",)),
    "PT_IMPROVEMENT_NOT_EXPECTED": Row("deny", ("PT-7",)),
    "PT_IMPROVEMENT_UNDOCUMENTED": Row("pend", ("PT-7",)),
    "PT_ACUTE_EVENT_NOT_LISTED": Row("info", ("PT-4",), "INT-4"),
    "PT_TIER_NOT_NAMED": Row("info", ("PT-3",), "INT-5"),
    "PT_REFERRAL_VISIT_LIMIT": Row("deny", (), "INT-21", whole_request=False),  # the tier's clause
    "PT_PLAN_OF_CARE_INCOMPLETE": Row("pend", ("PT-8",)),
    "PT_PLAN_OF_CARE_MISSING": Row("pend", ("PT-8",)),
    "PT_EVALUATION_VISIT_LIMIT": Row("deny"),  # the tier's clause
    "PT_TREATMENT_VISIT_LIMIT": Row("deny"),  # the tier's clause
    "PT_UNITS_OVER_VISIT_LIMIT": Row("deny", ("PT-5",), whole_request=False),
    "PT_VISIT_OUT_OF_SEQUENCE": Row("pend", ("PT-9",), "INT-15"),
    "PT_NOTE_NOT_NUMBERED": Row("pend", ("PT-9",)),
    "PT_VISIT_BEFORE_REFERRAL": Row("pend", ("PT-1",), "INT-19"),
    "EXT_PROGRESS_NOTES_INCOMPLETE": Row("pend", ("EXT-1",), "INT-16"),
    "EXT_INTERVENTIONS_INCOMPLETE": Row("pend", ("EXT-2",)),
    "EXT_IMPEDING_FACTORS_MISSING": Row("pend", ("EXT-3",)),
    "EXT_RESPONSE_SUMMARY_MISSING": Row("pend", ("EXT-4",)),
    "EXT_PROGNOSIS_INCOMPLETE": Row("pend", ("EXT-5",)),
    "EXT_PLAN_CHANGES_UNEXPLAINED": Row("pend", ("EXT-6",), "INT-12"),
    "EXT_FORM_MISSING": Row("pend", ("EXT-7",)),
    "EXT_READY_FOR_CLINICAL_REVIEW": Row("pend", tuple(f"EXT-{n}" for n in range(1, 8)), "INT-6"),
    "DC_NO_LONGER_NEEDED": Row("deny", ("DC-1",)),
    "DC_ADAPTED": Row("deny", ("DC-2",)),
    "DC_PROGRESS_INDETERMINATE": Row("deny", ("DC-3",)),
    "DC_UNABLE_TO_PARTICIPATE": Row("deny", ("DC-4",)),
    "DC_NONCOMPLIANT": Row("deny", ("DC-5",)),
    "DC_CONTINUATION_CRITERIA_NOT_MET": Row("deny", ("DC-6",), "INT-7"),
    "DC_UNDETERMINED": Row("pend", (), "INT-18"),  # the criterion's clause
    "POLICY_VALUE_UNUSABLE": Row("pend"),  # never for a policy that passes `therapy-policy check`
}
TABLE_ORDER = {code: place for place, code in enumerate(REASONS)}


class Reason(NamedTuple):
    code: str
    path: Path
    clauses: tuple[str, ...]


def reason(code: str, *path: str | int, clause: str | None = None) -> Reason:
    return Reason(code, path, REASONS[code].clauses if clause is None else (clause,))


def in_order(reasons: Iterable[Reason]) -> list[Reason]:
    # Two steps at one depth below one parent are both names or both indexes, so the tuples can be compared.
    return sorted(set(reasons), key=lambda r: (TABLE_ORDER[r.code], r.path, r.clauses))


def with_effect(effect: str, reasons: Iterable[Reason]) -> list[Reason]:
    return [r for r in reasons if REASONS[r.code].effect == effect]


def on_request(reasons: Iterable[Reason]) -> list[Reason]:
    return [r for r in reasons if REASONS[r.code].whole_request]


def pointer(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


# --- Rules for several request types ---------------------------------------------------------------------------------

TIER_CLAUSE = {"nonacute": "PT-3", "acute": "PT-4"}
UNITS_CLAUSE = "PT-5"


def date_of(request: dict[str, Any]) -> str | None:
    """The date that chooses the numbers of the policy; a question about a route has none and gets the newest."""
    for name in ("service_date", "request_date", "review_date", "referral_date"):
        if name in request:
            return str(request[name])
    return None


def units_left(request: dict[str, Any], already_authorized: int, policy: PolicyInForce) -> int:
    return max(int(policy.on(date_of(request), "units_per_visit")) - already_authorized, 0)


def visits_of_tier(request: dict[str, Any], tier: str, policy: PolicyInForce) -> dict[str, int]:
    """The visits that a referral starts with, by the date of the referral where the request states it."""
    date = request.get("referral_date", date_of(request))
    visits: dict[str, int] = policy.on(date, "outpatient_pt", "initial_visits")[tier]
    return visits


def benefit(request: dict[str, Any]) -> Iterator[Reason]:
    status = request.get("benefit_status", "unverified")
    if status == "not_covered":
        yield reason("BENEFIT_NOT_COVERED", "benefit_status")
    elif status == "unverified":
        yield reason("BENEFIT_UNVERIFIED", "benefit_status")


def pt_scope(request: dict[str, Any], date_name: str, policy: PolicyInForce) -> Iterator[Reason]:
    name = "referral_date" if "referral_date" in request else date_name
    if request[name] < policy.on(date_of(request), "outpatient_pt", "effective_date"):
        yield reason("PT_BEFORE_EFFECTIVE_DATE", name)
    if request["specialty"] != "none":
        yield reason("PT_SPECIALTY_EXCLUDED", "specialty")


def out_of_scope(request: dict[str, Any], policy: PolicyInForce) -> bool:
    return bool(with_effect("scope", pt_scope(request, "service_date", policy)))


def criteria_met(criteria: dict[str, bool]) -> Iterator[Reason]:
    """The discontinuation criteria that are met; a missing field meets no criterion."""
    for name in ("functional_impairment_resolved", "goals_achieved", "returned_to_prior_function"):
        if criteria.get(name) is True:
            yield reason("DC_NO_LONGER_NEEDED", "discontinuation", name)
    if criteria.get("adapted_with_equipment") is True:
        yield reason("DC_ADAPTED", "discontinuation", "adapted_with_equipment")
    if criteria.get("extended_period_of_service") is True and criteria.get("progress_cause_indeterminate") is True:
        yield reason("DC_PROGRESS_INDETERMINATE", "discontinuation", "progress_cause_indeterminate")
    if criteria.get("unable_to_participate") is True:
        yield reason("DC_UNABLE_TO_PARTICIPATE", "discontinuation", "unable_to_participate")
    for name in ("home_program_noncompliance", "lacks_scheduled_participation"):
        if criteria.get(name) is True:
            yield reason("DC_NONCOMPLIANT", "discontinuation", name)
    if criteria.get("meets_continuation_criteria") is False:
        yield reason("DC_CONTINUATION_CRITERIA_NOT_MET", "discontinuation", "meets_continuation_criteria")


def criteria_undetermined(criteria: dict[str, bool]) -> Iterator[str]:
    """The clauses of the criteria that cannot be determined, if none is met."""
    if not {"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function"} <= criteria.keys():
        yield "DC-1"
    if "adapted_with_equipment" not in criteria:
        yield "DC-2"
    if False not in (criteria.get("extended_period_of_service"), criteria.get("progress_cause_indeterminate")):
        yield "DC-3"
    if "unable_to_participate" not in criteria:
        yield "DC-4"
    if not {"home_program_noncompliance", "lacks_scheduled_participation"} <= criteria.keys():
        yield "DC-5"
    if "meets_continuation_criteria" not in criteria:
        yield "DC-6"


# --- The rules, one function for each request type -------------------------------------------------------------------

OtCodes = dict[str, dict[str, str]]  # each listed code with its clause, and with its primary if it is an add-on


def ot_codes(claim: dict[str, Any], policy: PolicyInForce) -> OtCodes:
    listed: OtCodes = policy.on(date_of(claim), "pediatric_ot", "procedure_codes")
    return listed


def ot_line_denials(claim: dict[str, Any], policy: PolicyInForce) -> dict[int, str]:
    """The lines that are denied for a reason of their own: index to reason code."""
    listed, codes = ot_codes(claim, policy), [line["procedure_code"] for line in claim["service_lines"]]
    denials = {}
    for index, code in enumerate(codes):
        if code not in listed:
            denials[index] = "OT_CODE_NOT_LISTED"
        elif "add_on_to" in listed[code] and listed[code]["add_on_to"] not in codes:
            denials[index] = "OT_ADD_ON_WITHOUT_PRIMARY"
    return denials


def ot_units(claim: dict[str, Any], policy: PolicyInForce) -> dict[int, int]:
    """The units of the visit for each line without a denial of its own: index to units."""
    lines, listed = claim["service_lines"], ot_codes(claim, policy)
    denials = ot_line_denials(claim, policy)
    eligible = [index for index in range(len(lines)) if index not in denials]
    left = units_left(claim, claim["units_already_authorized"], policy)
    units = {}
    for index in sorted(eligible, key=lambda i: ("add_on_to" in listed[lines[i]["procedure_code"]], i)):
        units[index] = min(lines[index]["units"], left)
        left -= units[index]
    return units


def pediatric_ot_claim(claim: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from benefit(claim)
    necessity = claim.get("medical_necessity", "undetermined")
    if necessity == "not_established":
        yield reason("OT_NOT_MEDICALLY_NECESSARY", "medical_necessity")
    elif necessity == "undetermined":
        yield reason("OT_MEDICAL_NECESSITY_UNDETERMINED", "medical_necessity")
    for index, code in ot_line_denials(claim, policy).items():
        yield reason(code, "service_lines", index, "procedure_code")
    for index, units in ot_units(claim, policy).items():
        if units < claim["service_lines"][index]["units"]:
            yield reason("OT_UNITS_OVER_VISIT_LIMIT", "service_lines", index, "units")


def is_eligible(referral: dict[str, Any], policy: PolicyInForce) -> bool:
    eligible = policy.on(date_of(referral), "outpatient_pt", "eligible_categories")
    return referral["condition"]["category"] in eligible


def has_acute_category(referral: dict[str, Any], policy: PolicyInForce) -> bool:
    return referral["condition"]["category"] in policy.on(date_of(referral), "outpatient_pt", "acute_categories")


def has_listed_event(referral: dict[str, Any], policy: PolicyInForce) -> bool:
    events = policy.on(date_of(referral), "outpatient_pt", "acute_events")
    return referral["condition"].get("acute_event", "none") in events


def pt_referral(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from pt_scope(request, "referral_date", policy)
    yield from benefit(request)
    eligible, acute = is_eligible(request, policy), has_acute_category(request, policy)
    if not eligible:
        yield reason("PT_CONDITION_NOT_ELIGIBLE", "condition", "category")
    if acute and not has_listed_event(request, policy):
        yield reason("PT_ACUTE_EVENT_NOT_LISTED", "condition", "acute_event")
    if eligible and not acute:
        yield reason("PT_TIER_NOT_NAMED", "condition", "category")
    expected = request.get("expected_improvement", {})
    for aspect in IMPROVEMENT_ASPECTS:
        if aspect not in expected:
            yield reason("PT_IMPROVEMENT_UNDOCUMENTED", "expected_improvement", aspect)
        elif not expected[aspect]:
            yield reason("PT_IMPROVEMENT_NOT_EXPECTED", "expected_improvement", aspect)
    if not out_of_scope(request, policy):
        tier = tier_of_referral(request, policy)
        if request.get("requested_visits", 0) > sum(visits_that_start(request, tier, policy)):
            yield reason("PT_REFERRAL_VISIT_LIMIT", "requested_visits", clause=TIER_CLAUSE[tier])


def tier_of_referral(referral: dict[str, Any], policy: PolicyInForce) -> str:
    return "acute" if has_acute_category(referral, policy) and has_listed_event(referral, policy) else "nonacute"


def visits_that_start(request: dict[str, Any], tier: str, policy: PolicyInForce) -> tuple[int, int]:
    """The evaluation and the treatment visits of a tier."""
    initial = visits_of_tier(request, tier, policy)
    return initial["evaluation"], initial["treatment"]


def pt_treatment_plan(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from pt_scope(request, "service_date", policy)
    yield from benefit(request)
    plan = request.get("plan_of_care", {})
    goals = plan.get("goals", [])
    for name in ("diagnosis", "frequency", "duration", "expected_potential"):
        if not present(plan.get(name)):
            yield reason("PT_PLAN_OF_CARE_INCOMPLETE", "plan_of_care", name)
    if not any_present(plan.get("planned_interventions", [])):
        yield reason("PT_PLAN_OF_CARE_INCOMPLETE", "plan_of_care", "planned_interventions")
    if plan.get("patient_caregiver_education") is not True:
        yield reason("PT_PLAN_OF_CARE_INCOMPLETE", "plan_of_care", "patient_caregiver_education")
    if not goals:
        yield reason("PT_PLAN_OF_CARE_INCOMPLETE", "plan_of_care", "goals")
    for index, goal in enumerate(goals):
        for part in (*PLAN_GOAL_TEXTS, "target_date"):
            if not present(goal.get(part)):
                yield reason("PT_PLAN_OF_CARE_INCOMPLETE", "plan_of_care", "goals", index, part)


def pt_visit(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from pt_scope(request, "service_date", policy)
    yield from benefit(request)
    if request.get("referral_date", request["service_date"]) > request["service_date"]:
        yield reason("PT_VISIT_BEFORE_REFERRAL", "referral_date")
    if out_of_scope(request, policy):
        return
    visit, prior, tier = request["visit"], request["prior_visits"], request["tier"]
    initial = visits_of_tier(request, tier, policy)
    if visit["kind"] == "evaluation":
        if prior["evaluation"] >= initial["evaluation"]:
            yield reason("PT_EVALUATION_VISIT_LIMIT", "prior_visits", "evaluation", clause=TIER_CLAUSE[tier])
    else:
        if request.get("plan_of_care_complete") is not True:
            yield reason("PT_PLAN_OF_CARE_MISSING", "plan_of_care_complete")
        if prior["treatment"] >= initial["treatment"]:
            yield reason("PT_TREATMENT_VISIT_LIMIT", "prior_visits", "treatment", clause=TIER_CLAUSE[tier])
    if visit["units"] > units_left(request, visit["units_already_authorized"], policy):
        yield reason("PT_UNITS_OVER_VISIT_LIMIT", "visit", "units")
    if visit["number"] != prior["evaluation"] + prior["treatment"] + 1:
        yield reason("PT_VISIT_OUT_OF_SEQUENCE", "visit", "number")
    if request.get("progress_note_number") != visit["number"]:
        yield reason("PT_NOTE_NOT_NUMBERED", "progress_note_number")
    yield from criteria_met(request.get("discontinuation", {}))


def progress_notes(goals: list[dict[str, Any]], notes: list[dict[str, Any]]) -> Iterator[Path]:
    """The paths, below `/documentation`, where the notes do not meet EXT-1."""
    ids = [goal["goal_id"] for goal in goals]
    addressed = {goal_id for note in notes for goal_id in note["goals_addressed"]}
    if not goals:
        yield ("goals",)
    for i, goal in enumerate(goals):
        if not present(ids[i]) or ids[i] in ids[:i]:
            yield ("goals", i, "goal_id")
        if ids[i] not in addressed:
            yield ("goals", i)
        for name in STATUSES:
            status = goal.get(name, {})
            if not (present(status.get("measure")) and present(status.get("value"))):
                yield ("goals", i, name)
        initial = goal.get("initial_status", {}).get("measure")
        for name in ("last_period_status", "current_status"):
            later = goal.get(name, {}).get("measure")
            if present(initial) and present(later) and later != initial:
                yield ("goals", i, name, "measure")
    if not notes or sorted(note["visit_number"] for note in notes) != list(range(1, len(notes) + 1)):
        yield ("notes",)
    for j, note in enumerate(notes):
        for k, goal_id in enumerate(note["goals_addressed"]):
            if goal_id not in ids:
                yield ("notes", j, "goals_addressed", k)


def extension_documentation(documentation: dict[str, Any]) -> Iterator[Reason]:
    for path in progress_notes(documentation.get("goals", []), documentation.get("notes", [])):
        yield reason("EXT_PROGRESS_NOTES_INCOMPLETE", "documentation", *path)

    interventions = documentation.get("planned_interventions", [])
    if not interventions:
        yield reason("EXT_INTERVENTIONS_INCOMPLETE", "documentation", "planned_interventions")
    for index, intervention in enumerate(interventions):
        for part in INTERVENTION_PARTS:
            if not present(intervention.get(part)):
                yield reason("EXT_INTERVENTIONS_INCOMPLETE", "documentation", "planned_interventions", index, part)

    factors = documentation.get("impeding_factors", {})
    if any_present(factors.get("identified", [])) == factors.get("none_identified", False):
        yield reason("EXT_IMPEDING_FACTORS_MISSING", "documentation", "impeding_factors")

    if not present(documentation.get("response_summary")):
        yield reason("EXT_RESPONSE_SUMMARY_MISSING", "documentation", "response_summary")
    if "limiting_issues" not in documentation:
        yield reason("EXT_RESPONSE_SUMMARY_MISSING", "documentation", "limiting_issues")

    prognosis = documentation.get("prognosis", {})
    if not present(prognosis.get("statement")):
        yield reason("EXT_PROGNOSIS_INCOMPLETE", "documentation", "prognosis", "statement")
    if not any_present(prognosis.get("discharge_criteria", [])):
        yield reason("EXT_PROGNOSIS_INCOMPLETE", "documentation", "prognosis", "discharge_criteria")

    changes = documentation.get("plan_of_care_changes", {})
    if "significant_change" not in changes:
        yield reason("EXT_PLAN_CHANGES_UNEXPLAINED", "documentation", "plan_of_care_changes", "significant_change")
    elif changes["significant_change"]:
        for part in ("explanation", "clinical_rationale"):
            if not present(changes.get(part)):
                yield reason("EXT_PLAN_CHANGES_UNEXPLAINED", "documentation", "plan_of_care_changes", part)

    if documentation.get("extension_form_completed") is not True:
        yield reason("EXT_FORM_MISSING", "documentation", "extension_form_completed")


def pt_extension(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from pt_scope(request, "request_date", policy)
    obstacles = [
        *benefit(request),
        *extension_documentation(request.get("documentation", {})),
        *criteria_met(request.get("discontinuation", {})),
    ]
    yield from obstacles or [reason("EXT_READY_FOR_CLINICAL_REVIEW")]


def pt_continuation(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    yield from pt_scope(request, "review_date", policy)
    yield from benefit(request)
    criteria = request["discontinuation"]
    met = list(criteria_met(criteria))
    yield from met
    if not met:
        for clause in criteria_undetermined(criteria):
            yield reason("DC_UNDETERMINED", "discontinuation", clause=clause)


def referral_route(request: dict[str, Any], policy: PolicyInForce) -> Iterator[Reason]:
    return iter(())


RULES: dict[str, Callable[[dict[str, Any], PolicyInForce], Iterator[Reason]]] = {
    "pediatric_ot_claim": pediatric_ot_claim,
    "pt_referral": pt_referral,
    "pt_treatment_plan": pt_treatment_plan,
    "pt_visit": pt_visit,
    "pt_extension": pt_extension,
    "pt_continuation": pt_continuation,
    "referral_route": referral_route,
}


# --- From reasons to a decision --------------------------------------------------------------------------------------

# The clauses in the order of the source; of an approval, those of its kind.
CLAUSES = ("OT-4", "OT-5", "OT-6", "PT-3", "PT-4", "PT-5", "PT-8", *(f"DC-{n}" for n in range(1, 7)), "REF-1", "REF-2")
MOST_REQUESTS = 1000


def decide(request: object, policy: PolicyInForce = POLICY) -> dict[str, Any]:
    """Decide one request, which is any parsed JSON value or MISSING; the sentences for people are left out."""
    errors = list(validation_errors(request))
    if errors:
        paths = [reason("REQUEST_INVALID", *path) for path in errors]
        return decision(request, "invalid_request", paths, contact=policy.on(None, "contact"))

    valid = normalize(request)
    date, kind = date_of(valid), valid["request_type"]
    reasons = in_order(RULES[kind](valid, policy))
    route = policy.on(date, "referral", "routes")[valid["island"]] if "island" in valid else None
    more: dict[str, Any] = {
        "contact": policy.on(date, "contact"),
        "route": route and {"chapter": route["chapter"], "network": route["network"]},
    }
    if scope := with_effect("scope", reasons):
        return decision(request, "not_applicable", scope, **more)
    forced = forced_outcome(on_request(reasons))
    most = policy.on(date, "units_per_visit")

    if kind == "pediatric_ot_claim":
        lines = ot_lines(valid, reasons, forced, policy)
        with_units = [line for line in lines if line["units_authorized"]]
        return decision(
            request,
            ot_outcome(lines, forced, every_line_denied=len(ot_line_denials(valid, policy)) == len(lines)),
            reasons,
            under={ot_codes(valid, policy)[line["procedure_code"]]["clause"] for line in with_units},
            lines=lines,
            units=sum(line["units_authorized"] for line in with_units),
            procedure_codes=sorted({line["procedure_code"] for line in with_units}),
            most=most,
            **more,
        )
    if forced:
        return decision(request, forced, reasons, **more)
    if kind == "pt_visit":
        visit = valid["visit"]
        units = min(visit["units"], units_left(valid, visit["units_already_authorized"], policy))
        if not units:
            return decision(request, "denied", reasons, **more)
        return decision(
            request,
            "authorized" if units == visit["units"] else "partially_authorized",
            reasons,
            under={TIER_CLAUSE[valid["tier"]], UNITS_CLAUSE},
            units=units,
            evaluation_visits=int(visit["kind"] == "evaluation"),
            treatment_visits=int(visit["kind"] == "treatment"),
            most=most,
            **more,
        )
    if kind == "pt_referral":
        tier = tier_of_referral(valid, policy)
        evaluation_visits, treatment_visits = visits_that_start(valid, tier, policy)
        asks_no_more = valid.get("requested_visits", 0) <= evaluation_visits + treatment_visits
        return decision(
            request,
            "authorized" if asks_no_more else "partially_authorized",
            reasons,
            under={TIER_CLAUSE[tier], UNITS_CLAUSE},
            evaluation_visits=evaluation_visits,
            treatment_visits=treatment_visits,
            most=most,
            **more,
        )
    if kind == "referral_route":
        assert route is not None
        return decision(request, "routed", reasons, under={route["clause"]}, **more)
    under = {"PT-8"} if kind == "pt_treatment_plan" else {f"DC-{n}" for n in range(1, 7)}
    return decision(request, "authorized", reasons, under=under, **more)


def decide_many(value: object, policy: PolicyInForce = POLICY) -> list[dict[str, Any]]:
    """Decide the `requests` of a parsed `input`, or of MISSING; at most 1,000 of them."""
    requests = value.get("requests") if isinstance(value, dict) else None
    if not isinstance(requests, list) or len(requests) > MOST_REQUESTS:
        errors = [reason("REQUEST_INVALID", "requests")]
        return [decision(MISSING, "invalid_request", errors, contact=policy.on(None, "contact"))]
    return [decide(request, policy) for request in requests]


def forced_outcome(reasons: list[Reason]) -> str | None:
    """The outcome that the reasons for the whole request lead to, if there is one."""
    if with_effect("deny", reasons):
        return "denied"
    return "pended" if with_effect("pend", reasons) else None


def ot_lines(
    claim: dict[str, Any], reasons: list[Reason], forced: str | None, policy: PolicyInForce
) -> list[dict[str, Any]]:
    units_of_line = ot_units(claim, policy)
    lines = []
    for index, line in enumerate(claim["service_lines"]):
        own = [r for r in reasons if r.path[:2] == ("service_lines", index)]
        units = 0 if forced else units_of_line.get(index, 0)
        if forced == "denied" or with_effect("deny", own):
            status = "denied"
        elif forced == "pended" or not units:
            status = "pended"
        else:
            status = "authorized" if units == line["units"] else "partially_authorized"
        lines.append(
            {
                "line": index + 1,
                "procedure_code": line["procedure_code"],
                "status": status,
                "units_requested": line["units"],
                "units_authorized": units,
                "reasons": [r.code for r in in_order(on_request(reasons) + own)],
            }
        )
    return lines


def ot_outcome(lines: list[dict[str, Any]], forced: str | None, *, every_line_denied: bool) -> str:
    if every_line_denied:
        return "denied"
    if forced:
        return forced
    if all(line["status"] == "authorized" for line in lines):
        return "authorized"
    return "partially_authorized" if any(line["units_authorized"] for line in lines) else "pended"


def decision(
    request: object,
    outcome: str,
    reasons: list[Reason],
    *,
    contact: dict[str, Any],
    under: Iterable[str] = (),
    units: int = 0,
    procedure_codes: Iterable[str] = (),
    evaluation_visits: int = 0,
    treatment_visits: int = 0,
    lines: Iterable[dict[str, Any]] = (),
    route: dict[str, Any] | None = None,
    most: int = 0,
) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "request_type": request_type_of(request),
        "request_id": request_id_of(request),
        "authorized_under": sorted(under, key=CLAUSES.index),
        "authorized": {
            "units": units,
            "procedure_codes": list(procedure_codes),
            "evaluation_visits": evaluation_visits,
            "treatment_visits": treatment_visits,
            "max_units_per_visit": most if units or evaluation_visits or treatment_visits else 0,
        },
        "lines": list(lines),
        "reasons": [
            {
                "code": r.code,
                "effect": REASONS[r.code].effect,
                "clauses": list(r.clauses),
                "interpretation": REASONS[r.code].interpretation,
                "path": pointer(r.path),
            }
            for r in in_order(reasons)
        ],
        "route": route,
        "contact": None if outcome in ("authorized", "routed") else contact,
    }
