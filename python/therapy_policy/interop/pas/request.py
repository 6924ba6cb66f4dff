"""From the Bundle of a `Claim/$submit` to the request that is decided.

Nothing is derived: a fact is what an element states, what a provider answered in a QuestionnaireResponse, or what only
the plan knows. Without it, the request pends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from therapy_policy.errors import Issue, QuestionnaireResponseInvalid, Refused
from therapy_policy.interop import questionnaire
from therapy_policy.interop.fhir import Element, Json, refuse
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.bundle import RequestBundle, Resource, read_bundle
from therapy_policy.interop.pas.codes import PAS, Discipline, Version
from therapy_policy.interop.pas.quantities import Stated, doubts, quantity

MAX_BUNDLE_BYTES = 8 << 20

_DATE = re.compile(r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True)
class PlanFacts:
    """What only the plan knows about a request. None is not known, and the request pends where it matters.

    `units_already_authorized` is of the same visit, in units of 15 minutes, and `authorization_number` the number that
    the answer has if something is authorized.
    """

    benefit_status: Literal["covered", "not_covered", "unverified"] | None = None
    medical_necessity: Literal["established", "not_established", "undetermined"] | None = None
    units_already_authorized: int | None = None
    authorization_number: str | None = None


NOTHING_KNOWN = PlanFacts()


@dataclass(frozen=True)
class Pend:
    """Why a request waits without a decision, with the X12 886 reason."""

    review_reason: str
    text: str
    loinc: str | None = None


@dataclass(frozen=True)
class Item:
    """An item of the Claim that is asked about."""

    content: Element
    sequence: int


@dataclass(frozen=True)
class Submission:
    """What a Bundle asks. Either `request` is the request to decide, or `pends` says why it waits without one."""

    bundle: RequestBundle
    identity: str  # the whole Bundle as text, from which the identifiers of the answer are made
    patient: Resource
    discipline: Discipline
    items: list[Item]
    request: Json | None
    pends: Sequence[Pend]
    expedited: bool
    authorization_number: str | None


def read(bundle: Any, *, plan: PlanFacts = NOTHING_KNOWN, version: Version = "2.2.1") -> Submission:
    """Return what the Bundle of a `Claim/$submit`, as JSON, asks. `version` is that of a Bundle that does not say it.

    Raises `Refused` for anything that is not a new, active request for outpatient physical therapy or for pediatric
    occupational therapy.
    """
    try:
        identity = json.dumps(bundle, allow_nan=False, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        identity = None
    if identity is None:  # outside the handler: otherwise the error would carry one that may quote the content
        refuse("invalid", "", "expected JSON, without NaN, not nested too deep", 400)
    content = read_bundle(bundle, version)
    claim = content.claim
    patient = _check_claim(content)
    items = _items(content)
    services = [_service(content, item, patient) for item in items]
    discipline = _discipline(items, services)
    certification = _certification(items)
    identifiers = [each.text("value") for each in claim.elements("identifier")]
    request_id = next((each for each in identifiers if each and _REQUEST_ID.fullmatch(each)), None)
    request: Json | None
    if discipline == "occupational therapy":
        request, pends = _claim_for_visit(claim, items, services, certification, plan, request_id)
    else:
        request, pends = _physical_therapy(content, items, services, certification, plan, request_id, patient)
    return Submission(
        bundle=content,
        identity=identity,
        patient=patient,
        discipline=discipline,
        items=items,
        request=None if pends else request,
        pends=pends,
        expedited=_is_expedited(claim),
        authorization_number=plan.authorization_number,
    )


def _check_claim(bundle: RequestBundle) -> Resource:
    """Check that the Claim is a new and active request of a member with an active Coverage; return the Patient."""
    claim = bundle.claim
    claim.required_text("status", "active")
    claim.required_text("use", "preauthorization")
    if not _DATE.fullmatch(claim.required_text("created")):
        claim.refuse("value", "created", "expected a date, with or without a time")
    claim.required("type").codes() or claim.refuse("required", "type.coding", "is required")
    claim.required("insurer").required_text("reference")
    if "related" in claim.fields:
        claim.refuse("not-supported", "related", "an update of an earlier request is not decided here; hand it on")
    if claim.extension(f"{PAS}/extension-certificationType"):
        claim.refuse("not-supported", "extension", "a request to cancel an authorization is not decided here")
    patient = bundle.find_kind(claim, "patient", "Patient")
    focal = 0
    for insurance in claim.required_elements("insurance"):
        coverage = bundle.find_kind(insurance, "coverage", "Coverage").content
        if insurance.flag("focal"):
            focal += 1
            coverage.required_text("status", "active")
            if bundle.find(coverage, "beneficiary") != patient:
                coverage.refuse("value", "beneficiary", "expected the patient of the Claim")
    if focal != 1:
        claim.refuse("value", "insurance", "expected one insurance that is focal")
    return patient


def _items(bundle: RequestBundle) -> list[Item]:
    """The items that are not cancelled."""
    found: list[Item] = []
    sequences: set[int] = set()
    for item in bundle.claim.required_elements("item", may_be_modified=True):
        sequence = item.positive("sequence") or item.refuse("required", "sequence", "is required")
        if sequence in sequences:
            item.refuse("value", "sequence", "is the sequence of another item, too")
        sequences.add(sequence)
        if not _is_cancelled(item):
            found.append(Item(item, sequence))
    return found or bundle.claim.refuse("not-supported", "item", "has only cancelled items")


def _is_cancelled(element: Element) -> bool:
    mark = element.modifier_extension(f"{PAS}/extension-infoCancelled")
    return mark is not None and mark.flag("valueBoolean") is not False


def _service(bundle: RequestBundle, item: Item, patient: Resource) -> Element | None:
    """The ServiceRequest that an item is for, if it names one."""
    extension = item.content.extension(f"{PAS}/extension-requestedService")
    if extension is None:
        return None
    service = bundle.find_kind(extension, "valueReference", "ServiceRequest").content
    service.required_text("status", "active")
    if service.flag("doNotPerform"):
        service.refuse("value", "doNotPerform", "says not to provide the service")
    if bundle.find(service, "subject") != patient:
        service.refuse("value", "subject", "expected the patient of the Claim")
    for name in ("quantityRatio", "quantityRange"):
        if name in service.fields:
            service.refuse("not-supported", name, "expected one number of visits or units")
    return service


def _discipline(items: list[Item], services: list[Element | None]) -> Discipline:
    """Which therapy all items, and what they refer to, are for, by their X12 service types."""
    found: set[str] = set()
    for item, service in zip(items, services, strict=True):
        category, product = item.content.element("category"), item.content.required("productOrService")
        asked = product.codes() or product.refuse("required", "coding", "is required")
        ordered = service.required("code").codes() if service else []
        category_codes = category.codes() if category else []
        types = {code for system, code in [*category_codes, *asked, *ordered] if system == codes.SERVICE_TYPE}
        if not types or types - codes.DISCIPLINES.keys():
            item.content.refuse(
                "not-supported",
                "category",
                "only occupational therapy (AD) and physical therapy (AE) are decided here; hand the request on",
            )
        found |= types
        procedures, of_order = _procedures(asked), _procedures(ordered)
        if procedures and of_order and procedures != of_order:
            item.content.refuse("value", "productOrService", "is another procedure than that of the order")
        for name in ("detail", "productOrServiceCodeEnd"):
            if name in item.content.fields or item.content.extension(f"{PAS}/extension-{name}"):
                item.content.refuse("not-supported", name, "expected one service for each item")
    if len(found) != 1:
        refuse("not-supported", "Claim.item", "occupational and physical therapy are separate requests")
    return codes.DISCIPLINES[found.pop()]


def _procedures(coded: list[tuple[str, str]]) -> set[str]:
    return {code for system, code in coded if system in (codes.CPT, codes.HCPCS)}


def _certification(items: list[Item]) -> str:
    """What is asked, by the X12 certification type: it is the same for all items."""
    found: set[str] = set()
    for item in items:
        for name, system in (
            ("serviceItemRequestType", codes.REQUEST_CATEGORY),
            ("certificationType", codes.CERTIFICATION_TYPE),
        ):
            extension = item.content.extension(f"{PAS}/extension-{name}")
            if extension is None:
                item.content.refuse("required", "extension", f"extension-{name} is required")
            stated = [code for of, code in extension.required("valueCodeableConcept").codes() if of == system]
            if len(stated) != 1:
                extension.refuse("value", "valueCodeableConcept", f"expected one code of {system}")
            if name == "certificationType":
                found.add(stated[0])
            elif stated[0] not in codes.REVIEWED_SERVICES:
                extension.refuse("not-supported", "valueCodeableConcept", "expected HS or SC; hand the request on")
    if len(found) != 1 or not found <= {codes.INITIAL, codes.EXTENSION}:
        refuse(
            "not-supported",
            "Claim.item.extension",
            "only initial requests (I) and extensions (4) are decided here, one kind at a time; hand the request on",
        )
    return found.pop()


def _is_expedited(claim: Element) -> bool:
    level = claim.extension(f"{PAS}/extension-levelOfServiceCode")
    stated = level.required("valueCodeableConcept").codes() if level else []
    priority = claim.element("priority")
    return any(each in codes.EXPEDITED for each in [*stated, *(priority.codes() if priority else [])])


# --- occupational therapy


def _claim_for_visit(
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
    texts: list[str] = []
    lines: list[Json] = []
    for item, service in zip(items, services, strict=True):
        product = item.content.required("productOrService")
        procedures = _procedures(product.codes())
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
    dates: set[str | None] = set()
    for item in items:
        period = item.content.element("servicedPeriod")
        dates |= {item.content.text("servicedDate")} if period is None else {period.text("start"), period.text("end")}
    if len(dates) > 1:
        claim.refuse("not-supported", "item", "expected the items of one visit, with the same date")
    match = _DATE.fullmatch(dates.pop() or claim.required_text("created"))
    return match["date"] if match else claim.refuse("value", "item", "expected servicedDate as a whole date")


# --- physical therapy


def _physical_therapy(
    bundle: RequestBundle,
    items: list[Item],
    services: list[Element | None],
    certification: str,
    plan: PlanFacts,
    request_id: str | None,
    patient: Resource,
) -> tuple[Json | None, list[Pend]]:
    """The referral or the extension that a QuestionnaireResponse states, with the visits of the item."""
    if len(items) != 1:
        bundle.claim.refuse("not-supported", "item", "expected one item for a request for physical therapy")
    numbers = (
        quantity(items[0].content, "quantity"),
        quantity(services[0], "quantityQuantity") if services[0] else None,
    )
    stated = [each for each in numbers if each]
    kind: questionnaire.RequestType = "pt_referral" if certification == codes.INITIAL else "pt_extension"
    response = _response(bundle, kind, patient)
    if response is None:
        text = f"The answers to the questionnaire {kind.replace('_', '-')} are not with the request."
        return None, [Pend(codes.MORE_INFORMATION, text, codes.PT_DOCUMENTATION)]
    request = _request_of(response, plan, request_id)
    answered = request.get("requested_visits")
    if answered is not None:
        stated.append(Stated(answered, codes.VISITS))
    texts = doubts(codes.VISITS, stated, services[0], per_visit=False)
    if stated:
        request["requested_visits"] = stated[0].number
    return request, [Pend(codes.MORE_INFORMATION, text) for text in texts]


def _response(bundle: RequestBundle, kind: questionnaire.RequestType, patient: Resource) -> Element | None:
    """The QuestionnaireResponse about the patient that the Claim has as its supporting information, if any."""
    found: dict[str, Element] = {}
    for info in bundle.claim.elements("supportingInfo", may_be_modified=True):
        if _is_cancelled(info) or (reference := info.element("valueReference")) is None:
            continue
        resource = bundle.target(reference)
        if resource.kind == "QuestionnaireResponse" and questionnaire.request_type_of(resource.content.fields) == kind:
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


def _problem(error: Any) -> str:
    return f"{error.link_id} {error.problem}" if error.link_id else error.problem


def _expression(pointer: str, place: str) -> str:
    """A JSON Pointer into a resource at `place`, as FHIRPath."""
    return place + "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in pointer.split("/")[1:])
