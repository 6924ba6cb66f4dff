"""The request of a CDS Hooks client: which orders it is about, and the member's coverage.

Nothing is fetched from the client's FHIR server. What is not in the request is missing: `Refused` with the status 412.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from therapy_policy.errors import Issue, Refused
from therapy_policy.interop.fhir import Element, Json, type_and_id
from therapy_policy.interop.pas.disciplines import CODED_IN_ORDERS, Code, codes_in

VERSION = "2.2"  # of the guide, as a CDS Hooks service declares it
Hook = Literal["order-sign", "order-dispatch", "appointment-book"]

MAX_ORDERS = 100  # in one request
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
ROOT = "CDSHooksRequest"
OTHER_PATIENT = "is another patient than that in context.patientId"
# Orders and appointments that nobody is to fulfill any more, or that never were ones.
OVER = ("revoked", "completed", "cancelled", "noshow", "fulfilled", "entered-in-error")
# The elements of an order, and of an appointment without one, whose codes can name the service.
CODED = {"ServiceRequest": CODED_IN_ORDERS, "Appointment": ("serviceType", "serviceCategory")}


@dataclass(frozen=True)
class Order:
    """A ServiceRequest, or an Appointment that is based on none, as the client sent it."""

    resource: Json
    reference: str  # such as ServiceRequest/1357
    codes: tuple[Code, ...]
    patients: tuple[str, ...]  # the IDs of those whom it is for; empty if it does not say
    ordered_on: str | None  # the calendar date in authoredOn
    is_to_be_performed: bool  # by its status, and unless it says not to perform the service
    modified: bool  # whether it has a modifierExtension, which can change what it means


@dataclass(frozen=True)
class Request:
    """What a client asks. `hook_instance` is its own identifier of the call, and `patient` the ID of the patient."""

    element: Element
    hook_instance: str
    patient: str
    wants_coverage_information: bool
    orders: list[Order]

    def coverage_for(self, orders: Iterable[Order]) -> str:
        """Return the reference to the member's coverage, which must be one in the prefetch `coverage`.

        Raises `Refused` if it or one of the orders is of another patient.
        """
        for order in orders:
            if order.patients and self.patient not in order.patients:
                resource_type = order.resource["resourceType"]
                place = f"{resource_type}.{'subject' if resource_type == 'ServiceRequest' else 'participant'}"
                raise Refused([Issue("value", place, OTHER_PATIENT)], 400)
        prefetched = _prefetched(self.element, "coverage")
        if prefetched is None:
            _missing("prefetch.coverage", "is needed: coverage information is about a coverage")
        found = [each for each in prefetched if each.text("resourceType") == "Coverage"]
        for each in found:
            if "modifierExtension" in each.fields:
                each.refuse("not-supported", "modifierExtension", "can change what the coverage means")
        active = [each for each in found if each.text("status") == "active"]
        if len(active) != 1:
            problem = "has several active coverages" if active else "has no active coverage"
            raise Refused([Issue("value", f"{ROOT}.prefetch.coverage", f"{problem}; expected one")], 400)
        beneficiary = _patient(active[0].element("beneficiary"))
        if beneficiary and self.patient != beneficiary:
            active[0].refuse("value", "beneficiary", OTHER_PATIENT)
        return f"Coverage/{_id(active[0])}"


def read(hook: Hook, value: object) -> Request:
    """Return what a request of this hook, which may be any JSON value, asks.

    Raises `Refused`: with the status 412 if an order is not in the request, else 400.
    """
    element = Element.of(value, ROOT)
    element.required_text("hook", hook)
    hook_instance = element.required_text("hookInstance")
    if (extension := element.element("extension")) and "davinci-crd.requestedVersion" in extension.fields:
        extension.required_text("davinci-crd.requestedVersion", VERSION)
    context = element.required("context")
    patient = context.required_text("patientId")
    if hook == "order-sign":
        named = _by_reference(_bundled(context.required("draftOrders")), "ServiceRequest")
    elif hook == "order-dispatch":
        named = _dispatched(context, element)
    else:
        named = _booked(context, element)
    orders = [each for each in named.values() if each.is_to_be_performed]
    if len(orders) > MAX_ORDERS:
        raise Refused([Issue("value", f"{ROOT}.context", f"has more than {MAX_ORDERS} orders")], 400)
    return Request(element, hook_instance, patient, _wants_coverage_information(element), orders)


def _wants_coverage_information(element: Element) -> bool:
    extension = element.element("extension")
    configuration = extension.element("davinci-crd.configuration") if extension else None
    return configuration is None or configuration.flag("coverage-info") is not False


def _dispatched(context: Element, element: Element) -> dict[str, Order]:
    """Return each order that is dispatched once, by its reference, however often it is listed."""
    references = context.fields.get("dispatchedOrders")
    if not (isinstance(references, list) and all(isinstance(each, str) for each in references)):
        context.refuse("invalid", "dispatchedOrders", "expected a list of references")
    places = ((f"context.dispatchedOrders[{at}]", reference) for at, reference in enumerate(references))
    return _prefetched_ones(element, [each for each in places if type_and_id(each[1])[0] == "ServiceRequest"])


def _booked(context: Element, element: Element) -> dict[str, Order]:
    """Return, by its reference, each order that an appointment is based on, and each appointment without one."""
    of_services: list[tuple[str, str]] = []
    by_themselves: list[Element] = []
    for appointment in _bundled(context.required("appointments")):
        if appointment.text("resourceType") != "Appointment":
            continue
        references = [
            (each.place.removeprefix(f"{ROOT}."), each.text("reference") or "")
            for each in appointment.elements("basedOn")
        ]
        based_on = [each for each in references if type_and_id(each[1])[0] == "ServiceRequest"]
        of_services += based_on
        if not based_on:
            by_themselves.append(appointment)
    return _prefetched_ones(element, of_services) | _by_reference(by_themselves, "Appointment")


def _prefetched_ones(element: Element, references: Sequence[tuple[str, str]]) -> dict[str, Order]:
    """Return the orders that these references, each with its place, are to. They must be prefetched."""
    orders = _by_reference(_prefetched(element, "serviceRequests") or [], "ServiceRequest")
    found: dict[str, Order] = {}
    for place, reference in references:
        key = "/".join(type_and_id(reference))
        found[key] = orders.get(key) or _missing(place, "is not in the prefetch serviceRequests")
    return found


def _by_reference(resources: Iterable[Element], resource_type: str) -> dict[str, Order]:
    """Return the orders of this type. Two with the same ID are refused: an answer could not say which it is about."""
    orders: dict[str, Order] = {}
    for each in resources:
        if (order := _order(each, resource_type)) is None:
            continue
        if order.reference in orders:
            each.refuse("value", "id", "is the ID of another one too")
        orders[order.reference] = order
    return orders


def _missing(place: str, problem: str) -> NoReturn:
    raise Refused([Issue("not-found", f"{ROOT}.{place}", problem)], 412)


def _prefetched(element: Element, name: str) -> list[Element] | None:
    """Return the resources of a prefetch: of a Bundle, or one by itself. None if it was not sent, or failed."""
    prefetch = element.element("prefetch")
    if prefetch is None:
        return None
    value = prefetch.fields.get(name)
    if not isinstance(value, dict) or value.get("resourceType") == "Bundle":
        bundle = prefetch.element(name)
        return None if bundle is None else _bundled(bundle)
    # As in a Bundle: a modifier says something about this resource, and not about the request.
    resource = Element(f"{prefetch.place}.{name}", value, may_be_modified=True)
    return None if resource.text("resourceType") == "OperationOutcome" else [resource]


def _bundled(bundle: Element) -> list[Element]:
    bundle.required_text("resourceType", "Bundle")
    return [
        Element(f"{each.place}.resource", each.fields["resource"], may_be_modified=True)
        for each in bundle.elements("entry")
        if isinstance(each.fields.get("resource"), dict) or each.refuse("required", "resource", "is required")
    ]


def _order(resource: Element, resource_type: str) -> Order | None:
    """Return an order; None if the resource is of another type."""
    if resource.text("resourceType") != resource_type:
        return None
    resource.elements("extension", may_be_modified=True)  # only checked: the answer adds one
    return Order(
        resource=resource.fields,
        reference=f"{resource_type}/{_id(resource)}",
        codes=tuple(code for name in CODED[resource_type] for code in codes_in(resource, name)),
        patients=tuple(_patients(resource, resource_type)),
        ordered_on=(resource.text("authoredOn") or "")[:10] or None,
        is_to_be_performed=resource.flag("doNotPerform") is not True and resource.text("status") not in OVER,
        modified="modifierExtension" in resource.fields,
    )


def _id(resource: Element) -> str:
    found = resource.required_text("id")
    if not ID.fullmatch(found):
        resource.refuse("value", "id", "expected 1 to 64 letters of English, digits, - and .")
    return found


def _patients(resource: Element, resource_type: str) -> Iterator[str]:
    if resource_type == "ServiceRequest":
        references = [resource.element("subject")]
    else:
        references = [each.element("actor") for each in resource.elements("participant", may_be_modified=True)]
    for each in references:
        if patient := _patient(each):
            yield patient


def _patient(reference: Element | None) -> str | None:
    """Return the ID of the patient whom a reference is to; None if it does not say so in the form Patient/1."""
    found = reference.text("reference") if reference else None
    resource_type, name = type_and_id(found or "")
    return name if resource_type == "Patient" else None
