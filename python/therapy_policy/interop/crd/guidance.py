"""What the rules say about an order on which nobody has stated anything yet.

The rules are asked, for every case that the order leaves open: a referral of each category of condition, or a claim for
each procedure code. What applies in all of these cases is the guidance. Nothing is decided by it, and no order is ever
called covered or not covered, because what decides is not in an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from therapy_policy.client.decision import Decision
from therapy_policy.files import packaged_json
from therapy_policy.interop.fhir import QUESTION, Json
from therapy_policy.interop.pas.disciplines import OT, PT, Therapy, listed_codes
from therapy_policy.interop.questionnaire import RequestType
from therapy_policy.policy.parameters import Parameter, parameters_of

MAX_CODES = 50  # of an order for occupational therapy; the rules are asked about each
OUTSIDE = ("not_applicable", "routed", "invalid_request")

UNCLEAR = "The codes of the order do not say whether it is for physical or for occupational therapy."
MODIFIED = "The order has a modifierExtension, which can change what it means and is not understood."
TOO_MANY_CODES = f"The order has more than {MAX_CODES} procedure codes, and the rules were not asked about them."
NO_ANSWER = "The rules do not apply to this order."
OPEN = "What the rules decide depends on facts that an order does not have."
SEND_QUESTIONNAIRE = "Have the clinician complete the questionnaire, and send it with the prior authorization request."
SEND_CLAIM = "The rules decide the claim for each visit, by its procedure codes, its units and its medical necessity."
SAY_WHICH = "Add a code that says which therapy is ordered."


@dataclass(frozen=True)
class Limit:
    """A limit that the rules set: a number, what it counts, and what it is about, with its clauses."""

    value: int
    unit: Literal["visits", "units"]
    about: str


@dataclass(frozen=True)
class Guidance:
    """What is told about an order, in the terms of coverage-information. Each text is the policy's or ours."""

    covered: Literal["conditional", "indeterminate"]
    reasons: tuple[str, ...]
    prior_authorization: bool = False
    questionnaire: RequestType | None = None
    info_needed: Literal["OTH", "detail-code"] | None = None
    instruction: str | None = None
    limits: tuple[Limit, ...] = ()


def source_page() -> str:
    """Return the address of the page that the rules are from."""
    address: str = _data()["register"]["source"]["address"]
    return address


def questions(therapy: Therapy, date: str) -> list[Json]:
    """Return the requests that the order could become on this date, each with nothing stated beyond the case itself."""
    if therapy.discipline == PT:
        categories = _data()["request"]["forms"]["pt_referral.condition.category"]["values"]
        referral = {
            "request_id": QUESTION,
            "request_type": "pt_referral",
            "referral_date": date,
            "specialty": therapy.specialty,
        }
        return [{**referral, "condition": {"category": category}} for category in categories]
    if therapy.discipline == OT:
        claim = {
            "request_id": QUESTION,
            "request_type": "pediatric_ot_claim",
            "service_date": date,
            "units_already_authorized": 0,
        }
        codes = [code for code in therapy.procedure_codes if _is_procedure_code(code)] or listed_codes()
        return [{**claim, "service_lines": [{"procedure_code": code, "units": 1}]} for code in codes]
    return []


def guidance(therapy: Therapy, date: str, decisions: Sequence[Decision]) -> Guidance:
    """Return what the decisions on the `questions` about an order say in common."""
    if therapy.discipline == "unclear":
        return Guidance("conditional", (UNCLEAR,), info_needed="detail-code", instruction=SAY_WHICH)
    reasons = tuple(_common_reasons(decisions))
    if any(each["outcome"] in OUTSIDE for each in decisions):
        return Guidance("indeterminate", reasons or (NO_ANSWER,))
    # A sidecar can run another policy than the installed one, and then its numbers are not known here.
    installed = all(each["policy_version"] == _data()["register"]["policy"]["version"] for each in decisions)
    limits = tuple(_limits(therapy, date)) if installed else ()
    if therapy.discipline == OT:
        return Guidance("conditional", reasons or (OPEN,), info_needed="OTH", instruction=SEND_CLAIM, limits=limits)
    return Guidance(
        "conditional",
        reasons or (OPEN,),
        prior_authorization=True,
        questionnaire="pt_referral",
        info_needed="OTH",
        instruction=SEND_QUESTIONNAIRE,
        limits=limits,
    )


def _common_reasons(decisions: Sequence[Decision]) -> Iterator[str]:
    """Yield the messages, with their clauses, of the reasons that every decision has."""
    codes = [{reason["code"] for reason in each["reasons"]} for each in decisions]
    common = set.intersection(*codes) if codes else set()
    yielded = set()
    for reason in decisions[0]["reasons"] if decisions else ():
        if reason["code"] in common and reason["code"] not in yielded:
            yielded.add(reason["code"])
            yield f"{reason['message']} ({', '.join(reason['clauses'])})" if reason["clauses"] else reason["message"]


def _limits(therapy: Therapy, date: str) -> Iterator[Limit]:
    parameters = _parameters()
    if therapy.discipline == PT:
        visits = parameters["outpatient_pt.initial_visits"]
        for tier, value in (visits.value_on(date) or {}).items():
            evaluation, treatment = value["evaluation"], value["treatment"]
            about = f"{visits.title}: {tier}, {evaluation} for evaluation and {treatment} for treatment"
            yield Limit(evaluation + treatment, "visits", f"{about} ({value['clause']})")
    units = parameters["units_per_visit"]
    if (value := units.value_on(date)) is not None:
        yield Limit(value, "units", f"{units.title} ({', '.join(units.clauses)})")


def _is_procedure_code(code: str) -> bool:
    form = _data()["request"]["forms"]["procedure_code"]
    return form["least"] <= len(code) <= form["most"] and set(code) <= set(form["characters"])


@cache
def _data() -> Mapping[str, Any]:
    content: Mapping[str, Any] = packaged_json("data.json")["therapy"]
    return content


@cache
def _parameters() -> dict[str, Parameter]:
    return parameters_of(_data()["parameters"])
