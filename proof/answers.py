"""The standard answers a second time, in plain Python, and what must be true of each of them.

The codes come from the register of standard answers, which a plan may change; everything else is written from the
contract alone. Of the text for people, only the first sentence is left out here.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from proof import oracle

REGISTER = Path(__file__).parents[1] / "policies/therapy/register/standard_answers/data.yaml"
CODES: dict[str, dict[str, Any]] = yaml.safe_load(REGISTER.read_text(encoding="utf-8"))

ACTIONS = {
    "authorized": "A1",
    "denied": "A3",
    "pended": "A4",
    "partially_authorized": "A6",
    "not_applicable": "CT",
    "routed": "CT",
    "invalid_request": None,
}
ACTIONS_OF_EFFECTS = {"deny": "A3", "pend": "A4", "scope": "CT", "info": None, "invalid": None}
KINDS = ("clinical_review", "clinician_attested", "administrative")  # the one furthest from a rule first
# X12 886 and CARC for a service that is not medically necessary. Only this code says that, as the request states it.
NOT_NECESSARY, NOT_NECESSARY_ON_A_CLAIM = "0F", "50"
MAY_SAY_NOT_NECESSARY = {"OT_NOT_MEDICALLY_NECESSARY"}

Answer = Mapping[str, Any]


def answer(request: object, decision: Mapping[str, Any]) -> dict[str, Any]:
    """The answer for a decision on a request, without its text."""
    outcome, lines, authorized = decision["outcome"], decision["lines"], decision["authorized"]
    effects = {reason["code"]: reason["effect"] for reason in decision["reasons"]}
    visits = authorized["evaluation_visits"] + authorized["treatment_visits"]
    codes = sorted(effects, key=oracle.TABLE_ORDER.__getitem__)
    deciding = [code for code in codes if decides(outcome, effects[code])]
    pending = [code for code in codes if effects[code] == "pend"]
    kinds = {CODES[code]["determination"] for code in deciding}
    return {
        "action": ACTIONS[outcome],
        "review_reasons": distinct(CODES[code]["review_reason"] for code in deciding),
        "asked": {"visits": None, "units": None} if outcome == "invalid_request" else asked(request, lines),
        "granted": {"visits": visits, "units": authorized["units"]},
        "lines": [line_answer(line, effects) for line in lines],
        "reasons": [
            {"code": reason["code"], "path": reason["path"], "action": ACTIONS_OF_EFFECTS[reason["effect"]]}
            | {
                name: CODES[reason["code"]][name]
                for name in ("review_reason", "adjustment", "claim_status", "documents", "determination")
            }
            for reason in decision["reasons"]
        ],
        "documents": distinct(document for code in pending for document in CODES[code]["documents"]),
        "human_reviewed": False,
        "determination": next((kind for kind in KINDS if kind in kinds), None),
        "ends": ends(decision["request_type"], visits) if outcome in ("authorized", "partially_authorized") else None,
    }


def decides(outcome: str, effect: str) -> bool:
    """Whether reasons of this effect lead to the outcome, of a request or of a line."""
    return effect in {"denied": ("deny",), "pended": ("pend",), "partially_authorized": ("deny", "pend")}.get(
        outcome, ()
    )


def distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value is not None and value not in found:
            found.append(value)
    return found


def asked(request: Any, lines: list[dict[str, Any]]) -> dict[str, int | None]:
    valid = oracle.normalize(request)
    match valid["request_type"]:
        case "pediatric_ot_claim":
            return {"visits": None, "units": sum(line["units_requested"] for line in lines)}
        case "pt_visit":
            return {"visits": 1, "units": valid["visit"]["units"]}
        case _:
            return {"visits": valid.get("requested_visits"), "units": None}


def line_answer(line: dict[str, Any], effects: dict[str, str]) -> dict[str, Any]:
    status, requested, authorized = line["status"], line["units_requested"], line["units_authorized"]
    deciding = [CODES[code] for code in line["reasons"] if decides(status, effects[code])]
    return {
        "line": line["line"],
        "procedure_code": line["procedure_code"],
        "action": ACTIONS[status],
        "review_reasons": distinct(entry["review_reason"] for entry in deciding),
        "units_requested": requested,
        "units_authorized": authorized,
        "units_pended": 0 if status == "denied" else requested - authorized,
        "adjustments": distinct(entry["adjustment"] for entry in deciding),
        "claim_statuses": distinct(entry["claim_status"] for entry in deciding),
    }


def ends(request_type: str, visits: int) -> dict[str, Any]:
    if request_type == "pt_referral":
        return {"circumstance": f"visit {visits} of the referral", "visit": visits}
    of_a_visit = request_type in ("pediatric_ot_claim", "pt_visit")
    return {"circumstance": "this visit" if of_a_visit else "the last visit of the referral", "visit": None}


def problems(request: object, decision: Mapping[str, Any], given: Answer) -> Iterator[str]:
    """What is wrong with an answer: where it is not that of the second writing, and what must never be."""
    if {name: value for name, value in given.items() if name != "text"} != answer(request, decision):
        yield "the answer is another one"
    outcome, authorized = decision["outcome"], decision["authorized"]
    action = given["action"]
    if action != ACTIONS[outcome]:
        yield f"{outcome}, but the action is {action}"
    for reason, each in zip(decision["reasons"], given["reasons"], strict=True):
        if reason["effect"] == "pend" and each["action"] != "A4":
            yield f"{reason['code']} pends, but its action is {each['action']}"
        if each["code"] not in MAY_SAY_NOT_NECESSARY and (
            each["review_reason"] == NOT_NECESSARY or (each["adjustment"] or {}).get("carc") == NOT_NECESSARY_ON_A_CLAIM
        ):
            yield f"{each['code']} says that a service is not medically necessary"
    denying = [reason for reason in decision["reasons"] if reason["effect"] == "deny"]
    if action == "A3" and not any(reason["clauses"] for reason in denying):
        yield "a denial without a reason that has a clause"
    if action == "A3" and not given["review_reasons"]:
        yield "a denial without a review reason"
    if action == "A1" and given["review_reasons"]:
        yield "an authorization with a review reason"
    visits = authorized["evaluation_visits"] + authorized["treatment_visits"]
    if given["granted"] != {"visits": visits, "units": authorized["units"]}:
        yield "the answer does not grant what the decision authorizes"
    if action == "A1" and any(
        given["asked"][name] is not None
        and decision["request_type"] != "pt_referral"
        and given["asked"][name] != given["granted"][name]
        for name in ("visits", "units")
    ):
        yield "authorized, but not for what was asked"
    if action == "A1" and (given["asked"]["visits"] or 0) > visits:
        yield "authorized for less than was asked"
    if given["human_reviewed"]:
        yield "no person reviewed it"
    told = "".join(f" {sentence}" for sentence in sentences(decision))
    if given["text"].find(".") + 1 != len(given["text"]) - len(told) or not given["text"].endswith(told):
        yield "the text is not one sentence and the reasons that decide, with their clauses"


def sentences(decision: Mapping[str, Any]) -> list[str]:
    """The reasons that the text tells, each once: those that decide the request or one of its lines, or its scope."""
    effects = {reason["code"]: reason["effect"] for reason in decision["reasons"]}
    told = {code for code, effect in effects.items() if decides(decision["outcome"], effect)}
    if decision["outcome"] == "not_applicable":
        told |= {code for code, effect in effects.items() if effect == "scope"}
    for line in decision["lines"]:
        told |= {code for code in line["reasons"] if decides(line["status"], effects[code])}
    found = {
        (oracle.TABLE_ORDER[reason["code"]], ": ".join(filter(None, (", ".join(reason["clauses"]), reason["message"]))))
        for reason in decision["reasons"]
        if reason["code"] in told
    }
    return [sentence for _, sentence in sorted(found)]
