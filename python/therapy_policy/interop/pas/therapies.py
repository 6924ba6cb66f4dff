"""The request of each therapy, from the items of a Claim, the answers of a provider, and what the plan knows.

Nothing is derived: without a fact, the request pends.
"""

from __future__ import annotations

from collections.abc import Iterator

from therapy_policy.errors import Issue, QuestionnaireResponseInvalid, Refused, ResponseError
from therapy_policy.interop import questionnaire
from therapy_policy.interop.fhir import Element, Json, refuse, type_and_id
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.bundle import RequestBundle, Resource, is_canceled
from therapy_policy.interop.pas.dates import date_or_period, dates_of_order, required_date
from therapy_policy.interop.pas.quantities import Stated, doubts, quantity
from therapy_policy.interop.pas.services import outpatient_doubts, physical_therapy_of, revenue_doubts, stay_doubts
from therapy_policy.interop.pas.submission import Item, Pend, PlanFacts

# --- occupational therapy


def occupational_therapy(
    claim: Element,
    items: list[Item],
    services: list[Element | None],
    certification: str,
    plan: PlanFacts,
    request_id: str | None,
) -> tuple[Json, list[Pend]]:
    """The claim for one visit of pediatric occupational therapy, with one service line for each item."""
    if certification != codes.INITIAL:
        refuse("not-supported", "Claim.item.extension", "an extension of occupational therapy is not decided here")
    if plan.pediatric is False:
        problem = "only pediatric occupational therapy is decided here; hand the request on"
        refuse("not-supported", "Claim.item", problem)
    texts = stay_doubts(claim, items, services) + revenue_doubts(items, "occupational therapy")
    service_date = _service_date(claim, items)
    orders = {service.place: service for service in services if service}  # each is read once
    dates = {place: [*dates_of_order(service)] for place, service in orders.items()}
    lines: list[Json] = []
    for item, service in zip(items, services, strict=True):
        product = item.content.required("productOrService")
        procedures = codes.procedures(product.codes())
        if len(procedures) != 1:
            product.refuse("not-supported", "coding", "expected one procedure code for each item; hand the request on")
        stated = quantity(item.content, "quantity")
        ordered = quantity(service, "quantityQuantity") if service else None
        texts += doubts(codes.UNITS, [each for each in (stated, ordered) if each], service, per_visit=True)
        ordered_for = dates[service.place] if service else []
        if ordered_for and not any(each.may_include(service_date) for each in ordered_for):
            texts.append("The order is for another day than the visit.")
        if stated is None:
            texts.append("An item does not state a number of units.")
        modifiers = [code for each in item.content.elements("modifier") for _, code in each.codes()]
        lines.append(
            {"procedure_code": procedures.pop(), "units": stated.number if stated else 0}
            | ({"modifiers": modifiers} if modifiers else {})
        )
    pends = [Pend(codes.MORE_INFORMATION, text) for text in dict.fromkeys(texts)]
    if plan.pediatric is not True:  # nothing in the Bundle says it: the rules have no age, so a date of birth does not
        text = "It is not known whether the occupational therapy is pediatric, so a person checks it."
        pends.append(Pend(codes.WAITING, text))
    if plan.units_already_authorized is None:
        text = "The units that are already authorized for the same visit are not known, so a person checks them."
        pends.append(Pend(codes.WAITING, text))
    request: Json = {
        "request_type": "pediatric_ot_claim",
        "service_date": service_date,
        "units_already_authorized": plan.units_already_authorized,
        "service_lines": lines,
    }
    added = {
        "request_id": request_id,
        "benefit_status": plan.benefit_status,
        "medical_necessity": plan.medical_necessity,
    }
    return request | {name: value for name, value in added.items() if value is not None}, pends


def _service_date(claim: Element, items: list[Item]) -> str:
    """The date of the one visit; the date of the Claim if no item has a date."""
    stated = {date_or_period(item.content, "serviced") for item in items}
    for item in items:
        if period := item.content.element("servicedPeriod"):
            period.required_text("end")
    dates = {date for span in stated for date in ((span.first, span.last) if span else (None,))}
    if len(dates) > 1:
        claim.refuse("not-supported", "item", "expected the items of one visit, with the same date")
    return dates.pop() or required_date(claim, "created")


# --- physical therapy

_NOT_CLINICIANS = frozenset(("Patient", "RelatedPerson"))
# What the date that the answers state is of, and its field.
_DATED: dict[questionnaire.RequestType, tuple[str, str]] = {
    "pt_referral": ("referral", "referral_date"),
    "pt_extension": ("request for an extension", "request_date"),
}


def physical_therapy(
    bundle: RequestBundle,
    items: list[Item],
    services: list[Element | None],
    certification: str,
    plan: PlanFacts,
    request_id: str | None,
    patient: Resource,
    base: str | None,
) -> tuple[Json | None, list[Pend]]:
    """The referral or the extension that a QuestionnaireResponse states, with the visits of the item."""
    if len(items) != 1:
        bundle.claim.refuse("not-supported", "item", "expected one item for a request for physical therapy")
    numbers = (
        quantity(items[0].content, "quantity"),
        quantity(services[0], "quantityQuantity") if services[0] else None,
    )
    stated = [each for each in numbers if each]
    begins = _begins(bundle.claim, items[0], services[0] if certification == codes.INITIAL else None)
    specialty, texts = physical_therapy_of(bundle.claim, items[0], services[0])
    texts += outpatient_doubts(bundle.claim, items[0], services[0]) + revenue_doubts(items, "physical therapy")
    kind: questionnaire.RequestType = "pt_referral" if certification == codes.INITIAL else "pt_extension"
    response = _response(bundle, kind, patient, base)
    if response is None:
        text = f"The answers to the plan's questionnaire {kind.replace('_', '-')} are not with the request."
        missing = Pend(codes.MORE_INFORMATION, text, codes.PT_DOCUMENTATION)
        return None, [missing, *(Pend(codes.MORE_INFORMATION, each) for each in texts)]
    if "subject" not in response.fields:
        texts.append("The answers to the questionnaire do not say whom they are about.")
    if not _NOT_CLINICIANS.isdisjoint(_who_answered(bundle, response)):
        texts.append("The answers to the questionnaire are from the patient or a relative, and not from a clinician.")
    request = _request_of(response, plan, request_id)
    answered = request.get("requested_visits")
    if answered is not None:
        stated.append(Stated(answered, codes.VISITS))
    texts += doubts(codes.VISITS, stated, services[0], per_visit=False)
    if specialty != "none" and request.get("specialty") in (None, "none"):
        texts.append("The Claim is of a specialty of physical therapy, and the answers do not name one.")
    if stated:
        request["requested_visits"] = stated[0].number
    named, day = _DATED[kind]
    if any(each < request.get(day, "") for each in begins):
        texts.append(f"A date of the Claim or its order is before the date of the {named} that the answers state.")
    return request, [Pend(codes.MORE_INFORMATION, text) for text in texts]


def _begins(claim: Element, item: Item, service: Element | None) -> list[str]:
    """The dates of the Claim and of an order, and of the start of each service and event."""
    starts = [required_date(claim, "created")]
    spans = [date_or_period(claim, "billable"), date_or_period(item.content, "serviced")]
    for info in claim.elements("supportingInfo", may_be_modified=True):
        category = info.element("category")
        if category and (codes.SUPPORTING_INFO, "patientEvent") in category.codes() and not is_canceled(info):
            spans.append(date_or_period(info, "timing"))
    if service:
        spans += dates_of_order(service)
        if "authoredOn" in service.fields:
            starts.append(required_date(service, "authoredOn"))
    return starts + [span.first for span in spans if span]


def _who_answered(bundle: RequestBundle, response: Element) -> Iterator[str | None]:
    """The types of resource that the author of the answers, and the person who gave them, can be."""
    for name in ("author", "source"):
        if (reference := response.element(name)) is None:
            continue
        yield reference.text("type")
        if url := reference.text("reference"):
            yield type_and_id(url)[0]
            yield from (each.kind for each in bundle.matching(reference))
            for contained in response.elements("contained", may_be_modified=True):
                if url == f"#{contained.text('id')}":
                    yield contained.text("resourceType")


def _response(
    bundle: RequestBundle, kind: questionnaire.RequestType, patient: Resource, base: str | None
) -> Element | None:
    """The QuestionnaireResponse about the patient that the Claim has as its supporting information, if any."""
    found: dict[str, Element] = {}
    for info in bundle.claim.elements("supportingInfo", may_be_modified=True):
        if is_canceled(info) or (reference := info.element("valueReference")) is None:
            continue
        resource = bundle.target(reference)
        answers = resource.content.fields if resource.kind == "QuestionnaireResponse" else None
        if questionnaire.request_type_of(answers, base) == kind:
            found[resource.full_url] = resource.content
    if len(found) > 1:
        bundle.claim.refuse("value", "supportingInfo", "has the answers to the same questionnaire twice")
    response = next(iter(found.values()), None)
    if response and "subject" in response.fields and bundle.find(response, "subject") != patient:
        response.refuse("value", "subject", "expected the patient of the Claim")
    return response


def _request_of(response: Element, plan: PlanFacts, request_id: str | None) -> Json:
    try:
        return questionnaire.request_of(response.fields, request_id=request_id, benefit_status=plan.benefit_status)
    except QuestionnaireResponseInvalid as invalid:
        issues = [Issue("value", _expression(each.place, response.place), _problem(each)) for each in invalid.errors]
    raise Refused(issues)


def _problem(error: ResponseError) -> str:
    return f"{error.link_id} {error.problem}" if error.link_id else error.problem


def _expression(pointer: str, place: str) -> str:
    """A JSON Pointer into a resource at `place`, as FHIRPath."""
    return place + "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in pointer.split("/")[1:])
