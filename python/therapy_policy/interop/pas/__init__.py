"""Da Vinci PAS: the Bundle of a `Claim/$submit` in, and the Bundle with the ClaimResponse out.

It has no server, no store and no clock. An HTTP service reads the body with `fhir.loads`, calls `submit` or, with an
asynchronous client, `read` and `respond`, and writes the answer with `fhir.dumps`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from therapy_policy.errors import Issue, Refused, RequestError
from therapy_policy.interop.fhir import Json, operation_outcome
from therapy_policy.interop.pas.codes import Version
from therapy_policy.interop.pas.request import read
from therapy_policy.interop.pas.response import respond
from therapy_policy.interop.pas.submission import NOTHING_KNOWN, PlanFacts, Submission

__all__ = ["PlanFacts", "Result", "Submission", "Version", "read", "respond", "submit"]


@dataclass(frozen=True)
class Result:
    """The answer to a `Claim/$submit`: 200 with a Bundle, or 400 or 422 with an OperationOutcome.

    `expedited` says how soon the request must be answered; it is None for a request that was refused.
    """

    status: int
    body: Json
    expedited: bool | None


def submit(
    bundle: Any,
    answer: Callable[[Json], Mapping[str, Any]],
    *,
    received_at: datetime,
    plan: PlanFacts = NOTHING_KNOWN,
    version: Version = "2.2.1",
    base: str | None = None,
    hold_clinical_denials: bool = True,
) -> Result:
    """Answer the Bundle of a `Claim/$submit`, which may be any JSON value.

    `answer` is `EmbeddedClient.answer` or `SidecarClient.answer`. `received_at` is the time of the answer, too.
    `version` is that of a Bundle that does not say it. `base` is the URL of the plan's FHIR server; with it, answers to
    Questionnaires at another address do not count. With `hold_clinical_denials`, a denial that depends on what a
    clinician stated is answered as pended, until a person confirms it.

    Raises what `answer` raises if no engine answers, and `ValueError` if `received_at` has no time zone.
    """
    if received_at.utcoffset() is None:
        raise ValueError("received_at has no time zone")
    try:
        submission = read(bundle, plan=plan, version=version, base=base)
        answered = None if submission.request is None else answer(submission.request)
        body = respond(submission, answered, received_at=received_at, hold_clinical_denials=hold_clinical_denials)
    except Refused as refused:
        return Result(refused.status, operation_outcome(refused.issues), None)
    except RequestError as error:  # such as answers that are longer than an engine accepts
        problem = f"the request cannot be decided: {error.problem}; hand it on"
        return Result(422, operation_outcome([Issue("not-supported", "", problem)]), None)
    return Result(200, body, submission.expedited)
