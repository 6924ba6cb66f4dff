"""The standard answer: what a decision is called in the standard transactions (X12 278, 835 and 277)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from therapy_policy.client.decision import Decision

Action = Literal["A1", "A3", "A4", "A6", "CT"]  # X12 list 306
Determination = Literal["administrative", "clinician_attested", "clinical_review"]


class Asked(TypedDict):
    """What the request asks for. None if the request does not state it, or it does not apply."""

    visits: int | None
    units: int | None  # of 15 minutes


class Granted(TypedDict):
    """What is authorized."""

    visits: int  # evaluation and treatment visits together
    units: int  # of 15 minutes


class Adjustment(TypedDict):
    """How a claim is adjusted (835)."""

    group: str  # claim adjustment group, such as CO
    carc: str  # claim adjustment reason code
    rarc: str | None  # remittance advice remark code


class Document(TypedDict):
    """A document that would resolve a reason."""

    report_type: str  # PWK01, X12 list 755
    loinc: str | None


class AnswerLine(TypedDict):
    """The answer on one service line of a claim."""

    line: int  # counted from 1
    procedure_code: str
    action: Literal["A1", "A3", "A4", "A6"]
    review_reasons: list[str]  # X12 list 886
    units_requested: int  # of 15 minutes
    units_authorized: int  # of 15 minutes
    units_pended: int  # of 15 minutes, which wait for a decision
    adjustments: list[Adjustment]  # of what is denied
    claim_statuses: list[str]  # X12 list 507, of what waits for a decision


class AnswerReason(TypedDict):
    """What one reason of the decision is called."""

    code: str
    path: str  # JSON Pointer (RFC 6901) into the request; "" for the whole
    action: Literal["A3", "A4", "CT"] | None  # what the reason alone leads to
    review_reason: str | None  # X12 list 886
    adjustment: Adjustment | None
    claim_status: str | None  # X12 list 507
    documents: list[Document]
    determination: Determination | None


class Ends(TypedDict):
    """When an authorization ends, by circumstance: the source has no date."""

    circumstance: str
    visit: int | None  # the number of the last visit, if the request determines it


class Answer(TypedDict):
    """What a decision is called in the standard transactions: schemas/answer.json, a plain `dict` with every field."""

    action: Action | None  # None if the request is not valid
    review_reasons: list[str]  # X12 list 886
    asked: Asked
    granted: Granted
    lines: list[AnswerLine]  # of a pediatric_ot_claim; empty for other types
    reasons: list[AnswerReason]  # one for each reason of the decision, in its order
    documents: list[Document]  # of all reasons that pend
    human_reviewed: bool  # always False
    determination: Determination | None
    ends: Ends | None
    text: str  # for people: what was decided and why, with the clauses


ACTIONS: dict[str, Action | None] = {
    "authorized": "A1",
    "partially_authorized": "A6",
    "denied": "A3",
    "pended": "A4",
    "not_applicable": "CT",
    "routed": "CT",
    "invalid_request": None,
}


def contradiction(answer: Answer, decision: Decision) -> str | None:
    """Return what an answer says that its decision does not, or None."""
    authorized = decision["authorized"]
    visits = authorized["evaluation_visits"] + authorized["treatment_visits"]
    if answer["action"] != ACTIONS[decision["outcome"]]:
        return "the action of its answer is not that of its outcome"
    if answer["granted"] != {"visits": visits, "units": authorized["units"]}:
        return "its answer does not grant what it authorizes"
    if [
        (line["line"], line["procedure_code"], line["action"], line["units_authorized"]) for line in answer["lines"]
    ] != [
        (line["line"], line["procedure_code"], ACTIONS[line["status"]], line["units_authorized"])
        for line in decision["lines"]
    ]:
        return "the service lines of its answer are not those of the decision"
    if [reason["code"] for reason in answer["reasons"]] != [reason["code"] for reason in decision["reasons"]]:
        return "the reasons of its answer are not those of the decision"
    if answer["human_reviewed"]:
        return "its answer says that a person reviewed the request"
    return None
