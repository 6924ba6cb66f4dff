"""The request of each therapy, from the items of a Claim, the answers of a provider, and what the plan knows.

Nothing is derived: without a fact, the request pends.
"""

from __future__ import annotations

from therapy_policy.errors import Issue, QuestionnaireResponseInvalid, Refused, ResponseError
from therapy_policy.interop import questionnaire
from therapy_policy.interop.fhir import Element, Json, refuse
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.bundle import RequestBundle, Resource, is_canceled
from therapy_policy.interop.pas.quantities import Stated, doubts, quantity
from therapy_policy.interop.pas.services import outpatient_doubts, physical_therapy_of, stay_doubts
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
    texts = stay_doubts(claim, items)
    lines: list[Json] = []
    for item, service in zip(items, services, strict=True):
        product = item.content.required("productOrService")
        procedures = codes.procedures(product.codes())
        if len(procedures) != 1:
            product.refuse("not-supported", "coding", "expected one procedure code for each item; hand the request on")
        stated = quantity(item.content, "quantity")
        ordered = quantity(service, "quantityQuantity") if service else None
        texts += doubts(codes.UNITS, [each for each in (stated, ordered) if each], service, per_visit=True)
        if stated is None:
            texts.append("An item does not state a number of units.")
        modifiers = [code for each in item.content.elements("modifier") for _, code in each.codes()]
        lines.append(
            {"procedure_code": procedures.pop(), "units": stated.number if stated else 0}
            | ({"modifiers": modifiers} if modifiers else {})
        )
    pends = [Pend(codes.MORE_INFORMATION, text) for text in dict.fromkeys(texts)]
    if plan.pediatric is None:  # nothing in the Bundle says it: the rules have no age, so a date of birth does not
        text = "It is not known whether the occupational therapy is pediatric, so a person checks it."
        pends.append(Pend(codes.WAITING, text))
    if plan.units_already_authorized is None:
        text = "The units that are already authorized for the same visit are not known, so a person checks them."
        pends.append(Pend(codes.WAITING, text))
    request: Json = {
        "request_type": "pediatric_ot_claim",
        "service_date": _service_date(claim, items),
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
    dates = {date for item in items for date in _dates(item.content)}
    if len(dates) > 1:
        claim.refuse("not-supported", "item", "expected the items of one visit, with the same date")
    return dates.pop() or _date(claim, "created")


def _dates(item: Element) -> set[str | None]:
    """The dates of an item, without times; {None} if it has no date."""
    stated = _date_or_period(item, "serviced")
    return {_date(stated, "start"), _date(stated, "end")} if isinstance(stated, Element) else {stated}


def _date_or_period(holder: Element, name: str) -> str | Element | None:
    """What an element states in its field nameDate or namePeriod; None if it has neither."""
    period = holder.element(f"{name}Period")
    if f"{name}Date" not in holder.fields:
        return period
    if period:
        holder.refuse("value", f"{name}Period", f"is there together with {name}Date")
    return _date(holder, f"{name}Date")


def _date(holder: Element, name: str) -> str:
    return codes.calendar_date(holder.required_text(name)) or holder.refuse("value", name, "expected a whole date")


# --- physical therapy

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
    begins = _begins(bundle.claim, items[0])
    specialty, texts = physical_therapy_of(items[0], services[0])
    texts += outpatient_doubts(bundle.claim, items[0])
    kind: questionnaire.RequestType = "pt_referral" if certification == codes.INITIAL else "pt_extension"
    response = _response(bundle, kind, patient, base)
    if response is None:
        text = f"The answers to the plan's questionnaire {kind.replace('_', '-')} are not with the request."
        missing = Pend(codes.MORE_INFORMATION, text, codes.PT_DOCUMENTATION)
        return None, [missing, *(Pend(codes.MORE_INFORMATION, each) for each in texts)]
    if "subject" not in response.fields:
        texts.append("The answers to the questionnaire do not say whom they are about.")
    request = _request_of(response, plan, request_id)
    answered = request.get("requested_visits")
    if answered is not None:
        stated.append(Stated(answered, codes.VISITS))
    texts += doubts(codes.VISITS, stated, services[0], per_visit=False)
    if specialty != "none" and request.get("specialty") in (None, "none"):
        texts.append("A code of the request is of a specialty of physical therapy, and the answers do not name one.")
    if stated:
        request["requested_visits"] = stated[0].number
    named, day = _DATED[kind]
    if any(each < request.get(day, "") for each in begins):
        texts.append(f"A date of the Claim is before the date of the {named} that the answers state.")
    return request, [Pend(codes.MORE_INFORMATION, text) for text in texts]


def _begins(claim: Element, item: Item) -> list[str]:
    """The dates of the Claim, and of the start of each service and event."""
    starts = [_date(claim, "created"), *_starts(item.content, "serviced")]
    for info in claim.elements("supportingInfo", may_be_modified=True):
        category = info.element("category")
        if category and (codes.SUPPORTING_INFO, "patientEvent") in category.codes() and not is_canceled(info):
            starts += _starts(info, "timing")
    return starts


def _starts(holder: Element, name: str) -> list[str]:
    """The date on which an element starts, by its field nameDate or namePeriod; [] if it states none."""
    stated = _date_or_period(holder, name)
    if not isinstance(stated, Element):
        return [stated] if stated else []
    start = _date(stated, "start")
    if "end" in stated.fields and _date(stated, "end") < start:
        stated.refuse("value", "end", "is before the start")
    return [start]


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
