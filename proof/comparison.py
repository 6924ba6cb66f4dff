"""Checks that every decision must pass, and comparisons of two decisions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proof import oracle

Decision = Mapping[str, Any]

NO_REASON = "no reason to deny or pend"
READY = "EXT_READY_FOR_CLINICAL_REVIEW"

# A decision gives at most one reason of each set: each set answers one question.
MUTUALLY_EXCLUSIVE = (
    {"BENEFIT_NOT_COVERED", "BENEFIT_UNVERIFIED"},
    {"OT_NOT_MEDICALLY_NECESSARY", "OT_MEDICAL_NECESSITY_UNDETERMINED"},
    {"PT_CONDITION_NOT_ELIGIBLE", "PT_ACUTE_EVENT_NOT_LISTED", "PT_TIER_NOT_NAMED"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_TREATMENT_VISIT_LIMIT"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_PLAN_OF_CARE_MISSING"},
)
AUTHORIZING = ("pediatric_ot_claim", "pt_referral", "pt_visit")


def request_reasons(decision: Decision) -> list[Any]:
    return [reason for reason in decision["reasons"] if oracle.REASONS[reason["code"]].whole_request]


def request_effects(decision: Decision) -> set[str]:
    """The effects of the reasons that apply to the whole request, without `info`, which changes no outcome."""
    return {reason["effect"] for reason in request_reasons(decision)} - {"info"}


def comparable(decision: Decision) -> tuple[Any, ...]:
    """The part of a decision that must be the same for all requests of a class.

    It leaves out what repeats the request (its id, the codes and units of its lines, the codes with authorized units)
    and the sentences for people, which repeat its numbers.
    """
    authorized = decision["authorized"]
    return (
        decision["outcome"],
        tuple(authorized[name] for name in sorted(authorized) if name != "procedure_codes"),
        tuple((line["status"], line["units_authorized"], tuple(line["reasons"])) for line in decision["lines"]),
        tuple(
            (each["code"], each["effect"], tuple(each["clauses"]), each["interpretation"], each["path"])
            for each in decision["reasons"]
        ),
        decision["route"] and tuple(sorted(decision["route"].items())),
        decision["contact"] is not None,
    )


def without_wording(decision: Decision) -> dict[str, Any]:
    """A decision as the oracle gives it: without the sentences for people and the version of the policy."""
    facts = {name: value for name, value in decision.items() if name != "policy_version"}
    facts["reasons"] = [
        {name: value for name, value in reason.items() if name not in ("message", "remedy")}
        for reason in decision["reasons"]
    ]
    return facts


def deciding_code(decision: Decision) -> str | None:
    """The code that decides: the first in table order whose effect leads to the outcome; None if there is none.

    A reason for the whole request comes before one for a line or for units.
    """
    outcome = decision["outcome"]
    if outcome in ("authorized", "routed"):
        return NO_REASON
    effects = {
        "invalid_request": ("invalid",),
        "not_applicable": ("scope",),
        "denied": ("deny",),
        "pended": ("pend",),
        "partially_authorized": ("deny", "pend"),
    }[outcome]
    for reasons in (request_reasons(decision), decision["reasons"]):
        for reason in reasons:
            if reason["effect"] in effects:
                return str(reason["code"])
    return None


def expected_outcome(decision: Decision) -> str:
    """The outcome that the reasons lead to, by the first condition that matches."""
    effects, lines = request_effects(decision), decision["lines"]
    if "invalid" in effects:
        return "invalid_request"
    if "scope" in effects:
        return "not_applicable"
    if "deny" in effects or (lines and all(line["status"] == "denied" for line in lines)):
        return "denied"
    if "pend" in effects:
        return "pended"
    if decision["request_type"] == "referral_route":
        return "routed"
    codes = {reason["code"] for reason in decision["reasons"]}
    if "PT_REFERRAL_VISIT_LIMIT" in codes:
        return "partially_authorized"
    if "PT_UNITS_OVER_VISIT_LIMIT" in codes:
        return "partially_authorized" if decision["authorized"]["units"] else "denied"
    if lines and any(line["status"] != "authorized" for line in lines):
        return "partially_authorized" if any(line["units_authorized"] for line in lines) else "pended"
    return "authorized"


def gaps(decision: Decision) -> Iterator[str]:
    """How a class is left undecided."""
    if decision["outcome"] == "invalid_request":
        yield "a valid request is called invalid"
    if deciding_code(decision) is None:
        yield f"no reason accounts for the outcome {decision['outcome']}"


def contradictions(decision: Decision) -> Iterator[str]:
    """How a decision contradicts itself."""
    outcome, reasons = decision["outcome"], decision["reasons"]
    codes = {reason["code"] for reason in reasons}
    effects = {reason["effect"] for reason in reasons}
    codes_by_path: dict[str, set[str]] = {}
    for reason in reasons:
        codes_by_path.setdefault(reason["path"], set()).add(reason["code"])
    if any(len(at_path) > 1 for at_path in codes_by_path.values()):
        yield "two codes for one field"
    if len({(reason["path"], reason["code"]) for reason in reasons if reason["code"] != "DC_UNDETERMINED"}) < len(
        [reason for reason in reasons if reason["code"] != "DC_UNDETERMINED"]
    ):
        yield "one code twice for one field"
    for exclusive in MUTUALLY_EXCLUSIVE:
        if len(codes & exclusive) > 1:
            yield f"mutually exclusive codes: {', '.join(sorted(codes & exclusive))}"
    if "scope" in effects and len(effects) > 1:
        yield "a scope reason together with others"
    if READY in codes and codes - {READY}:
        yield "complete documentation together with another reason"
    if "DC_UNDETERMINED" in codes and any(code.startswith("DC_") for code in codes - {"DC_UNDETERMINED"}):
        yield "an undetermined criterion together with one that is met"
    for line in decision["lines"]:
        if sum(not oracle.REASONS[code].whole_request for code in line["reasons"]) > 1:
            yield "two reasons on one line"
    if expected_outcome(decision) != outcome:
        yield f"the outcome is {outcome}, but the reasons lead to {expected_outcome(decision)}"
    something_authorized = any(decision["authorized"].values())
    if something_authorized and outcome not in ("authorized", "partially_authorized"):
        yield f"{outcome}, but something is authorized"
    if outcome in ("authorized", "partially_authorized"):
        if not something_authorized and decision["request_type"] in AUTHORIZING:
            yield f"{outcome}, but nothing is authorized"
    elif outcome == "denied" and not all(reason["clauses"] for reason in reasons if reason["effect"] == "deny"):
        yield "denied without a clause"


def combine(parts: Sequence[Decision]) -> tuple[str, frozenset[Any], Any]:
    """The outcome, the reasons and the authorization that follow from the decisions on the groups of a class."""
    reasons = {reason for part in parts for reason in reasons_of(part)}
    if scope := {reason for reason in reasons if oracle.REASONS[reason[0]].effect == "scope"}:
        return "not_applicable", frozenset(scope), NOTHING
    # The documentation is complete only if no group raises a reason.
    if others := {reason for reason in reasons if reason[0] != READY}:
        reasons = others
    effects = {oracle.REASONS[code].effect for code, _, _ in reasons if oracle.REASONS[code].whole_request}
    if "deny" in effects:
        return "denied", frozenset(reasons), NOTHING
    if "pend" in effects:
        return "pended", frozenset(reasons), NOTHING
    return parts[0]["outcome"], frozenset(reasons), parts[0]["authorized"]


def summary(decision: Decision) -> tuple[str, frozenset[Any], Any]:
    """A decision in the form that `combine` returns."""
    return decision["outcome"], frozenset(reasons_of(decision)), decision["authorized"]


def reasons_of(decision: Decision) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    return ((reason["code"], reason["path"], tuple(reason["clauses"])) for reason in decision["reasons"])


NOTHING = {
    "units": 0,
    "procedure_codes": [],
    "evaluation_visits": 0,
    "treatment_visits": 0,
    "max_units_per_visit": 0,
}
