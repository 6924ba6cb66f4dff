"""What must hold of every decision, and what two decisions must have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proof import oracle

Decision = Mapping[str, Any]

NO_REASON = "no reason stands against it"
READY = "EXT_READY_FOR_CLINICAL_REVIEW"

# Of each of these at most one is ever given: they answer one question, each in its own way.
EXCLUSIVE = (
    {"BENEFIT_NOT_COVERED", "BENEFIT_UNVERIFIED"},
    {"OT_NOT_MEDICALLY_NECESSARY", "OT_MEDICAL_NECESSITY_UNDETERMINED"},
    {"PT_CONDITION_NOT_ELIGIBLE", "PT_ACUTE_EVENT_NOT_LISTED", "PT_TIER_NOT_NAMED"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_TREATMENT_VISIT_LIMIT"},
    {"PT_EVALUATION_VISIT_LIMIT", "PT_PLAN_OF_CARE_MISSING"},
)
GRANTING = ("pediatric_ot_claim", "pt_referral", "pt_visit")


def on_the_whole(decision: Decision) -> list[Any]:
    return [reason for reason in decision["reasons"] if oracle.REASONS[reason["code"]].whole_request]


def effects_on_the_whole(decision: Decision) -> set[str]:
    """The effects of reasons on the whole request that can bear on the outcome, which `info` cannot."""
    return {reason["effect"] for reason in on_the_whole(decision)} - {"info"}


def normal(decision: Decision) -> tuple[Any, ...]:
    """What two requests of one class must have in common.

    It is all of the decision but what repeats the request (its id, a line's code and the units that it asked for, the
    codes that got a unit) and the sentences for people, which repeat its numbers.
    """
    granted = decision["authorized"]
    return (
        decision["outcome"],
        tuple(granted[name] for name in sorted(granted) if name != "procedure_codes"),
        tuple((line["status"], line["units_authorized"], tuple(line["reasons"])) for line in decision["lines"]),
        tuple(
            (each["code"], each["effect"], tuple(each["clauses"]), each["interpretation"], each["path"])
            for each in decision["reasons"]
        ),
        decision["route"] and tuple(sorted(decision["route"].items())),
        decision["contact"] is not None,
    )


def without_prose(decision: Decision) -> dict[str, Any]:
    """A decision as the oracle gives it."""
    kept = {name: stated for name, stated in decision.items() if name != "policy_version"}
    kept["reasons"] = [
        {name: stated for name, stated in reason.items() if name not in ("message", "remedy")}
        for reason in decision["reasons"]
    ]
    return kept


def deciding(decision: Decision) -> str | None:
    """The code that decides: the first, in table order, of the effect that the outcome is of.

    A reason on the whole request goes before one on a line or on units. None where nothing accounts for the outcome.
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
    for reasons in (on_the_whole(decision), decision["reasons"]):
        for reason in reasons:
            if reason["effect"] in effects:
                return str(reason["code"])
    return None


def following(decision: Decision) -> str:
    """The outcome that follows from the reasons, by the first that matches."""
    effects, lines = effects_on_the_whole(decision), decision["lines"]
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
    over = any(reason["code"] == "PT_UNITS_OVER_VISIT_LIMIT" for reason in decision["reasons"])
    if over:
        return "partially_authorized" if decision["authorized"]["units"] else "denied"
    if lines and any(line["status"] != "authorized" for line in lines):
        return "partially_authorized" if any(line["units_authorized"] for line in lines) else "pended"
    return "authorized"


def gaps(decision: Decision) -> Iterator[str]:
    """In what way a class is left undecided."""
    if decision["outcome"] == "invalid_request":
        yield "a valid request is answered as an invalid one"
    if deciding(decision) is None:
        yield f"no reason accounts for the outcome {decision['outcome']}"


def contradictions(decision: Decision) -> Iterator[str]:
    """In what way a decision disagrees with itself."""
    outcome, reasons = decision["outcome"], decision["reasons"]
    codes = {reason["code"] for reason in reasons}
    effects = {reason["effect"] for reason in reasons}
    places: dict[str, set[str]] = {}
    for reason in reasons:
        places.setdefault(reason["path"], set()).add(reason["code"])
    if any(len(found) > 1 for found in places.values()):
        yield "two codes at one place"
    if len({(reason["path"], reason["code"]) for reason in reasons if reason["code"] != "DC_UNDETERMINED"}) < len(
        [reason for reason in reasons if reason["code"] != "DC_UNDETERMINED"]
    ):
        yield "a code twice at one place"
    for exclusive in EXCLUSIVE:
        if len(codes & exclusive) > 1:
            yield f"together: {', '.join(sorted(codes & exclusive))}"
    if "scope" in effects and len(effects) > 1:
        yield "a scope reason beside others"
    if READY in codes and codes - {READY}:
        yield "complete papers beside a reason against them"
    if "DC_UNDETERMINED" in codes and any(code.startswith("DC_") for code in codes - {"DC_UNDETERMINED"}):
        yield "a criterion that cannot be told beside one that is met"
    for line in decision["lines"]:
        if sum(not oracle.REASONS[code].whole_request for code in line["reasons"]) > 1:
            yield "two reasons on one line"
    if following(decision) != outcome:
        yield f"the outcome is {outcome}, but {following(decision)} follows from the reasons"
    granted = any(decision["authorized"].values())
    if granted and outcome not in ("authorized", "partially_authorized"):
        yield f"{outcome}, but something is authorized"
    if outcome in ("authorized", "partially_authorized"):
        if not granted and decision["request_type"] in GRANTING:
            yield f"{outcome}, but nothing is authorized"
    elif outcome == "denied" and not all(reason["clauses"] for reason in reasons if reason["effect"] == "deny"):
        yield "denied without a clause"


def composed(parts: Sequence[Decision]) -> tuple[str, frozenset[Any], Any]:
    """The outcome, the reasons and the grant that the decisions on the groups of a class come to."""
    found = {reason for part in parts for reason in reasons_of(part)}
    if scope := {reason for reason in found if oracle.REASONS[reason[0]].effect == "scope"}:
        return "not_applicable", frozenset(scope), NOTHING
    # Complete papers are what is left where no group raises anything.
    if others := {reason for reason in found if reason[0] != READY}:
        found = others
    effects = {oracle.REASONS[code].effect for code, _, _ in found if oracle.REASONS[code].whole_request}
    if "deny" in effects:
        return "denied", frozenset(found), NOTHING
    if "pend" in effects:
        return "pended", frozenset(found), NOTHING
    return parts[0]["outcome"], frozenset(found), parts[0]["authorized"]


def whole(decision: Decision) -> tuple[str, frozenset[Any], Any]:
    """A decision as `composed` gives it."""
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
