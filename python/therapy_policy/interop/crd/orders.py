"""The request of a CDS Hooks client: which orders it is about, and the member's coverage.

Nothing is fetched from the client's FHIR server. What is not in the request is missing: `Refused` with the status 412.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

from therapy_policy.errors import Issue, Refused
from therapy_policy.interop.fhir import Element, Json
from therapy_policy.interop.pas.disciplines import Code

Hook = Literal["order-sign", "order-dispatch", "appointment-book"]

CRD = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition"
MAX_ORDERS = 100  # in one request
ROOT = "CDSHooksRequest"
# The elements of an order, and of an appointment without one, whose codes can name the service.
CODED = {"ServiceRequest": ("code", "category", "performerType"), "Appointment": ("serviceType", "serviceCategory")}


@dataclass(frozen=True)
class Order:
    """A ServiceRequest, or an Appointment that is based on none, as the client sent it."""

    resource: Json
    reference: str  # such as ServiceRequest/1357
    codes: tuple[Code, ...]
    ordered_on: str | None  # the calendar date in authoredOn
    modified: bool  # whether it has a modifierExtension, which can change what it means


@dataclass(frozen=True)
class Request:
    """What a client asks. `hook_instance` is its own identifier of the call."""

    element: Element
    hook_instance: str
    wants_coverage_information: bool
    orders: list[Order]

    def coverage(self) -> str:
        """Return the reference to the member's coverage, which must be one in the prefetch `coverage`."""
        prefetched = _prefetched(self.element).get("coverage")
        if prefetched is None:
            _missing("prefetch.coverage", "is needed: coverage information is about a coverage")
        found = [each for each in prefetched if each.text("resourceType") == "Coverage"]
        active = [each for each in found if each.text("status") in ("active", None)]
        if len(active) != 1:
            problem = "has several active coverages" if active else "has no active coverage"
            raise Refused([Issue("value", f"{ROOT}.prefetch.coverage", f"{problem}; expected one")], 400)
        return f"Coverage/{active[0].required_text('id')}"


def read(hook: Hook, value: object) -> Request:
    """Return what a request of this hook, which may be any JSON value, asks.

    Raises `Refused`: with the status 412 if an order is not in the request, else 400.
    """
    element = Element.of(value, ROOT)
    element.required_text("hook", hook)
    hook_instance = element.required_text("hookInstance")
    context = element.required("context")
    if hook == "order-sign":
        resources = _bundled(context.required("draftOrders"))
        orders = [order for each in resources if (order := _order(each, "ServiceRequest"))]
    elif hook == "order-dispatch":
        orders = list(_dispatched(context, element))
    else:
        orders = list(_booked(context, element))
    if len(orders) > MAX_ORDERS:
        raise Refused([Issue("value", f"{ROOT}.context", f"has more than {MAX_ORDERS} orders")], 400)
    return Request(element, hook_instance, _wants_coverage_information(element), orders)


def _wants_coverage_information(element: Element) -> bool:
    extension = element.element("extension")
    configuration = extension.element("davinci-crd.configuration") if extension else None
    return configuration is None or configuration.flag("coverage-info") is not False


def _dispatched(context: Element, element: Element) -> Iterator[Order]:
    references = context.fields.get("dispatchedOrders")
    if not (isinstance(references, list) and all(isinstance(each, str) for each in references)):
        context.refuse("invalid", "dispatchedOrders", "expected a list of references")
    orders = _prefetched_orders(element)
    for at, reference in enumerate(references):
        if _resource_type(reference) == "ServiceRequest":
            yield _one_of(orders, reference, f"context.dispatchedOrders[{at}]")


def _booked(context: Element, element: Element) -> Iterator[Order]:
    """Yield the order that an appointment is based on, or else the appointment itself."""
    orders = _prefetched_orders(element)
    for appointment in _bundled(context.required("appointments")):
        if appointment.text("resourceType") != "Appointment":
            continue
        references = [(each.place, each.text("reference") or "") for each in appointment.elements("basedOn")]
        of_services = [each for each in references if _resource_type(each[1]) == "ServiceRequest"]
        if not of_services and (order := _order(appointment, "Appointment")):
            yield order
        for place, reference in of_services:
            yield _one_of(orders, reference, place.removeprefix(f"{ROOT}."))


def _one_of(orders: dict[str, Order], reference: str, place: str) -> Order:
    key = "/".join(reference.partition("/_history/")[0].split("/")[-2:])
    return orders.get(key) or _missing(place, "is not in the prefetch serviceRequests")


def _resource_type(reference: str) -> str:
    steps = reference.partition("/_history/")[0].split("/")
    return steps[-2] if len(steps) > 1 else ""


def _missing(place: str, problem: str) -> NoReturn:
    raise Refused([Issue("not-found", f"{ROOT}.{place}", problem)], 412)


def _prefetched_orders(element: Element) -> dict[str, Order]:
    resources = _prefetched(element).get("serviceRequests") or []
    found = (order for each in resources if (order := _order(each, "ServiceRequest")))
    return {order.reference: order for order in found}


def _prefetched(element: Element) -> dict[str, list[Element]]:
    """Return the resources of each prefetch that is used and was sent: of a Bundle, or one resource by itself."""
    prefetch = element.element("prefetch")
    if prefetch is None:
        return {}
    found = {name: prefetch.element(name) for name in ("coverage", "serviceRequests")}
    return {
        name: _bundled(each) if each.text("resourceType") == "Bundle" else [each]
        for name, each in found.items()
        if each is not None and each.text("resourceType") != "OperationOutcome"
    }


def _bundled(bundle: Element) -> list[Element]:
    bundle.required_text("resourceType", "Bundle")
    return [
        Element(f"{each.place}.resource", each.fields["resource"], may_be_modified=True)
        for each in bundle.elements("entry")
        if isinstance(each.fields.get("resource"), dict) or each.refuse("required", "resource", "is required")
    ]


def _order(resource: Element, resource_type: str) -> Order | None:
    """Return an order; None if the resource is of another type, or says not to perform the service."""
    if resource.text("resourceType") != resource_type or resource.flag("doNotPerform"):
        return None
    resource.elements("extension", may_be_modified=True)  # only checked: the answer adds one
    return Order(
        resource=resource.fields,
        reference=f"{resource_type}/{resource.required_text('id')}",
        codes=tuple(code for name in CODED[resource_type] for code in _codes(resource, name)),
        ordered_on=(resource.text("authoredOn") or "")[:10] or None,
        modified="modifierExtension" in resource.fields,
    )


def _codes(resource: Element, name: str) -> Iterator[Code]:
    """Yield the codes of a concept, or of a list of concepts, with those of its billing options."""
    several = isinstance(resource.fields.get(name), list)
    concepts = resource.elements(name) if several else [each] if (each := resource.element(name)) else []
    for concept in concepts:
        yield from concept.codes()
        for option in concept.elements("extension"):
            if option.text("url") == f"{CRD}/ext-billing-options":
                billed = option.element("valueCodeableConcept")
                yield from billed.codes() if billed else ()
