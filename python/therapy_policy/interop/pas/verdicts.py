"""What the answer says about each item: the standard answer of the policy, or that the item waits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from therapy_policy.errors import EngineError, Issue, Refused
from therapy_policy.interop.fhir import Json
from therapy_policy.interop.pas.codes import MEDICAL_REVIEW, UNITS, VISITS
from therapy_policy.interop.pas.submission import Item, Submission

# It does not say what the rules say: nothing adverse is sent until a person has confirmed it.
HELD = "The answer depends on facts that a clinician stated. The request is pended until a person confirms it."
REST_WAITS = "The number that is authorized is final. The rest of what was requested is pended."


@dataclass(frozen=True)
class Verdict:
    """The answer about one item: the X12 306 action, the 886 reasons, and what is authorized, in `unit` (VS or UN).

    `notes` are about this item only.
    """

    item: Item
    action: str
    reasons: list[str]
    granted: int
    unit: str
    rest_waits: bool = False
    held: bool = False
    notes: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        return self.action == "A4" or self.rest_waits


@dataclass(frozen=True)
class Answers:
    """The verdicts, the notes that explain all of them, and the documents that the provider is to send."""

    verdicts: list[Verdict]
    notes: list[str]
    documents: list[Json]


def answers_of(submission: Submission, answered: Mapping[str, Any] | None, *, hold_clinical_denials: bool) -> Answers:
    """Return what the answer says. `answered` is the engine's, or None for a submission that waits without a decision.

    Raises `Refused` if the policy says that the request is invalid, and `EngineError` if `answered` is not an answer.
    """
    if submission.request is None:
        reasons = list(dict.fromkeys(each.review_reason for each in submission.pends))
        loincs = dict.fromkeys(each.loinc for each in submission.pends if each.loinc)
        return Answers(
            [Verdict(item, "A4", reasons, 0, VISITS) for item in submission.items],
            [each.text for each in submission.pends],
            [{"report_type": None, "loinc": each} for each in loincs],
        )
    if answered is None:
        raise ValueError("the submission has a request, and needs an answer to it")
    answer, decision = answered["answer"], answered["decision"]
    if decision["outcome"] == "invalid_request":
        raise Refused([Issue("value", "", f"{each['path']}: {each['message']}") for each in decision["reasons"]])
    verdicts = list(_verdicts(submission, answer, decision["reasons"]))
    if hold_clinical_denials and _depends_on_a_clinician(answer):
        verdicts = [_held(each) for each in verdicts]
    notes = [HELD if any(each.held for each in verdicts) else answer["text"]]
    # If fewer visits were requested than the rules grant, the note would name a visit that is not certified.
    requested_less = (answer["asked"]["visits"] or math.inf) < answer["granted"]["visits"]
    if answer["ends"] and any(each.granted for each in verdicts) and not requested_less:
        notes.append(f"The authorization ends with {answer['ends']['circumstance']}.")
    notes += [REST_WAITS] * any(each.rest_waits for each in verdicts)
    return Answers(verdicts, notes, answer["documents"] if any(each.waits for each in verdicts) else [])


def _verdicts(
    submission: Submission, answer: Mapping[str, Any], reasons: Sequence[Mapping[str, Any]]
) -> Iterator[Verdict]:
    if submission.discipline == "physical therapy":
        (item,) = submission.items
        yield _checked(Verdict(item, answer["action"], answer["review_reasons"], answer["granted"]["visits"], VISITS))
        return
    if not answer["lines"]:
        for item in submission.items:
            yield _checked(Verdict(item, answer["action"], answer["review_reasons"], 0, UNITS))
        return
    lines = {line["line"]: line for line in answer["lines"]}
    for number, item in enumerate(submission.items, 1):
        line = lines.get(number)
        if line is None:
            raise EngineError("The answer does not have every service line. Have a person review the request.")
        granted, waiting = line["units_authorized"], line["units_pended"] > 0
        verdict = Verdict(item, line["action"], line["review_reasons"], granted, UNITS, waiting and granted > 0)
        yield _checked(replace(verdict, notes=tuple(_notes_on(number, reasons))))


def _notes_on(line: int, reasons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the message of each reason of the decision that is at this service line, with its clauses."""
    for reason in reasons:
        if reason["path"].startswith(f"/service_lines/{line - 1}/"):
            yield ": ".join(filter(None, (", ".join(reason["clauses"]), reason["message"])))


def _checked(verdict: Verdict) -> Verdict:
    """The verdict, if what is authorized matches its action: this is the last place before the answer is sent."""
    match verdict.action:
        case "A1" | "A6" if verdict.granted > 0:
            return verdict
        case "A3" | "A4" | "CT" if verdict.granted == 0:
            return verdict
    raise EngineError("The answer of the engine contradicts itself. Have a person review the request.")


def _depends_on_a_clinician(answer: Mapping[str, Any]) -> bool:
    """Whether anything is denied for more than an administrative reason."""
    return any(each["action"] == "A3" and each["determination"] != "administrative" for each in answer["reasons"])


def _held(verdict: Verdict) -> Verdict:
    if verdict.action not in ("A3", "A6"):
        return verdict
    return replace(verdict, action="A4", reasons=[MEDICAL_REVIEW], granted=0, rest_waits=False, held=True, notes=())
