"""Da Vinci CRD: what a CDS Hooks client is told about orders for therapy, before anybody asks for an authorization.

It has no server, no store and no clock, and fetches nothing. An HTTP service reads the body with `fhir.loads`, and
writes the answer with `fhir.dumps`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from therapy_policy.client.decision import Decision
from therapy_policy.errors import Issue, Refused
from therapy_policy.interop.crd.coverage_information import with_coverage_information
from therapy_policy.interop.crd.guidance import (
    MAX_CODES,
    MODIFIED,
    TOO_MANY_CODES,
    Guidance,
    guidance,
    questions,
)
from therapy_policy.interop.crd.orders import VERSION, Hook, Order, Request, read
from therapy_policy.interop.fhir import Json, operation_outcome
from therapy_policy.interop.pas.disciplines import OT, Therapy, listed_codes, therapy_of

__all__ = ["SERVICES", "Result", "discovery", "respond"]

_COVERAGE = "Coverage?patient={{context.patientId}}&status=active"
_ORDERS = "ServiceRequest?_id={{context.%s.resolve().ofType(ServiceRequest).id}}"
SERVICES: dict[str, tuple[Hook, str, dict[str, str]]] = {  # id: hook, title, prefetch
    "order-sign-therapy": ("order-sign", "Orders for therapy, when they are signed", {"coverage": _COVERAGE}),
    "order-dispatch-therapy": (
        "order-dispatch",
        "Orders for therapy, when they go to a performer",
        {"coverage": _COVERAGE, "serviceRequests": _ORDERS % "dispatchedOrders"},
    ),
    "appointment-book-therapy": (
        "appointment-book",
        "Appointments for therapy",
        {"coverage": _COVERAGE, "serviceRequests": _ORDERS % "appointments.entry.resource.basedOn"},
    ),
}
_DESCRIPTION = "Coverage information on orders for outpatient physical therapy and pediatric occupational therapy."
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://therapy-policy.example/fhir/crd")


@dataclass(frozen=True)
class Result:
    """The answer to a call: 200 with a CDS Hooks response, or 400, 404 or 412 with an OperationOutcome.

    `told` has the ID of each assertion and what it says of coverage, for a log.
    """

    status: int
    body: Json
    told: Sequence[Json] = ()


def discovery() -> Json:
    """Return the answer to `GET /cds-services`."""
    configuration = {
        "code": "coverage-info",
        "type": "boolean",
        "name": "Coverage information",
        "description": _DESCRIPTION,
        "default": True,
    }
    extension = {"davinci-crd.version": [VERSION], "davinci-crd.configuration-options": [configuration]}
    return {
        "services": [
            {
                "id": name,
                "hook": hook,
                "title": title,
                "description": _DESCRIPTION,
                "prefetch": prefetch,
                "extension": extension,
            }
            for name, (hook, title, prefetch) in SERVICES.items()
        ]
    }


def respond(
    service_id: str,
    request: Any,
    decide_many: Callable[[list[Json]], list[Decision]],
    *,
    today: date,
    base: str | None = None,
) -> Result:
    """Answer a call of the service with this ID. The request may be any JSON value.

    `decide_many` is that of a client of the policy. `today` is the date of the assertion, and of an order that does not
    say when it was written. `base` is the URL of the plan's FHIR server, for the canonical URL of the Questionnaire.

    An order that is for neither therapy gets no answer, which says nothing about its coverage. An order that already
    has the same coverage information keeps it.

    Raises what `decide_many` raises if no engine answers, and `ValueError` as `questionnaire` does.
    """
    if service_id not in SERVICES:
        return Result(404, operation_outcome([Issue("not-found", "", "there is no such service")]))
    try:
        asked = read(SERVICES[service_id][0], request)
        therapies = [(order, therapy_of(order.codes, listed_codes())) for order in asked.orders]
        answered = [(order, therapy) for order, therapy in therapies if therapy is not None]
        if not (answered and asked.wants_coverage_information):
            return Result(200, {"cards": []})
        coverage = asked.coverage_for(order for order, _ in answered)
        dates = [_date_of(order, today) for order, _ in answered]
    except Refused as refused:
        # The guide lets a service answer 400 for all that is wrong with a request, also where PAS has 422.
        return Result(400 if refused.status == 422 else refused.status, operation_outcome(refused.issues))
    told: list[Json] = []
    actions: list[Json] = []
    for (order, therapy), day in zip(answered, dates, strict=True):
        given = _guidance(order, therapy, day, decide_many)
        assertion_id = _assertion_id(asked, order, today)
        resource = with_coverage_information(
            order, given, coverage=coverage, assertion_id=assertion_id, today=today.isoformat(), base=base
        )
        if resource is None:
            continue
        actions.append(
            {"type": "update", "description": "Adds coverage information to the order.", "resource": resource}
        )
        told.append({"coverage_assertion_id": assertion_id, "covered": given.covered})
    return Result(200, {"cards": []} | ({"systemActions": actions} if actions else {}), told)


def _guidance(
    order: Order, therapy: Therapy, day: str, decide_many: Callable[[list[Json]], list[Decision]]
) -> Guidance:
    if order.modified:
        return Guidance("indeterminate", (MODIFIED,))
    if therapy.discipline == OT and len(therapy.procedure_codes) > MAX_CODES:  # each would be decided
        return Guidance("indeterminate", (TOO_MANY_CODES,))
    return guidance(therapy, day, decide_many(questions(therapy, day)))


def _date_of(order: Order, today: date) -> str:
    if order.ordered_on is None:
        return today.isoformat()
    try:
        day = date.fromisoformat(order.ordered_on)
    except ValueError:
        day = date.min
    if day.isoformat() != order.ordered_on or not 1900 <= day.year <= 2099:
        problem = "expected a date from 1900 to 2099 in authoredOn, with its day"
        raise Refused([Issue("value", "ServiceRequest.authoredOn", problem)])
    return order.ordered_on


def _assertion_id(asked: Request, order: Order, today: date) -> str:
    """Return the same ID for the same order in the same call, and another for any other one."""
    # As JSON, it is ASCII whatever the client sent, and no two different calls have the same name.
    name = json.dumps([asked.hook_instance, order.reference, today.isoformat()])
    return str(uuid.uuid5(_NAMESPACE, name))
