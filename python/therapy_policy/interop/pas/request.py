"""From the Bundle of a `Claim/$submit` to what it asks: the Claim is checked, and its therapy found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from therapy_policy import nesting
from therapy_policy.interop.fhir import QUESTION, Element, Json, refuse
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.bundle import RequestBundle, Resource, check_lengths, is_canceled, read_bundle
from therapy_policy.interop.pas.codes import PAS, Version
from therapy_policy.interop.pas.dates import required_date
from therapy_policy.interop.pas.services import discipline_of_items
from therapy_policy.interop.pas.submission import NOTHING_KNOWN, Item, PlanFacts, Submission
from therapy_policy.interop.pas.therapies import occupational_therapy, physical_therapy

MAX_ORDER = 20_000  # characters of a ServiceRequest

_OTHER_CLAIMS = ("oral", "pharmacy", "vision")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def read(
    bundle: Any, *, plan: PlanFacts = NOTHING_KNOWN, version: Version = "2.2.1", base: str | None = None
) -> Submission:
    """Return what the Bundle of a `Claim/$submit`, as JSON, asks. `version` is that of a Bundle that does not say it.

    `base` is the URL of the plan's FHIR server. With it, only answers to Questionnaires at this address count.

    Raises `Refused` for anything that is not a new, active request for outpatient physical therapy or for pediatric
    occupational therapy.
    """
    try:
        identity = json.dumps(bundle, allow_nan=False, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        identity = None
    if identity is None or nesting.is_too_deep(
        identity
    ):  # outside the handler: otherwise the error would carry one that may quote the content
        refuse("invalid", "", "expected JSON, without NaN, not nested too deep", 400)
    content = read_bundle(bundle, version)
    claim = content.claim
    patient = _check_claim(content)
    items = _items(content)
    services = [_service(content, item, patient) for item in items]
    discipline = discipline_of_items(claim, items, services)
    certification = _certification(items)
    identifiers = [each.text("value") for each in claim.elements("identifier")]
    usable = [each for each in identifiers if each and _REQUEST_ID.fullmatch(each) and each != QUESTION]
    request_id = usable[0] if usable else None
    request: Json | None
    if discipline == "occupational therapy":
        request, pends = occupational_therapy(claim, items, services, certification, plan, request_id)
    else:
        request, pends = physical_therapy(content, items, services, certification, plan, request_id, patient, base)
    return Submission(
        bundle=content,
        identity=identity,
        patient=patient,
        discipline=discipline,
        items=items,
        request=None if pends else request,
        pends=pends,
        expedited=_is_expedited(claim, services),
        authorization_number=plan.authorization_number,
    )


def _check_claim(bundle: RequestBundle) -> Resource:
    """Check that the Claim is a new and active request of a member with an active Coverage; return the Patient."""
    claim = bundle.claim
    claim.required_text("status", "active")
    claim.required_text("use", "preauthorization")
    required_date(claim, "created")
    kinds = claim.required("type").codes() or claim.refuse("required", "type.coding", "is required")
    if any(system == codes.CLAIM_TYPE and code in _OTHER_CLAIMS for system, code in kinds):
        claim.refuse("not-supported", "type", "only claims for therapy are decided here; hand the request on")
    bundle.find_kind(claim, "insurer", "Organization")
    bundle.find_kind(claim, "provider", "Organization", "Practitioner", "PractitionerRole")
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
    _check_referral(bundle, patient)
    return patient


def _check_referral(bundle: RequestBundle, patient: Resource) -> None:
    """Check that the order that the Claim has as its referral, if any, was not withdrawn and is for the patient."""
    referral = bundle.claim.element("referral")
    for order in bundle.matching(referral) if referral and referral.text("reference") else []:
        if order.kind != "ServiceRequest":
            continue
        if order.content.text("status") in ("revoked", "entered-in-error") or order.content.flag("doNotPerform"):
            bundle.claim.refuse("value", "referral", "is an order that is not in force")
        subject = order.content.element("subject")
        about = bundle.matching(subject) if subject and subject.text("reference") else []
        if about and about != [patient]:
            bundle.claim.refuse("value", "referral", "is an order for another person than the patient of the Claim")


def _items(bundle: RequestBundle) -> list[Item]:
    """The items that are not canceled."""
    found: list[Item] = []
    sequences: set[int] = set()
    for item in bundle.claim.required_elements("item", may_be_modified=True):
        sequence = item.positive("sequence") or item.refuse("required", "sequence", "is required")
        if sequence in sequences:
            item.refuse("value", "sequence", "is the sequence of another item, too")
        sequences.add(sequence)
        if not is_canceled(item):
            check_lengths(item, "careTeamSequence")
            found.append(Item(item, sequence, [*_repeated(item)]))
    return found or bundle.claim.refuse("not-supported", "item", "has only canceled items")


def _repeated(item: Element) -> Iterator[Json]:
    """The trace numbers of an item, and its numbers from earlier answers."""
    for each in item.elements("extension"):
        if each.text("url") == f"{PAS}/extension-itemTraceNumber":
            number = each.required("valueIdentifier")
            parts = {name: text for name in ("system", "value") if (text := number.text(name))}
            yield {"url": each.fields["url"], "valueIdentifier": parts}
    for name in ("authorizationNumber", "administrationReferenceNumber"):
        if stated := item.extension(f"{PAS}/extension-{name}"):
            yield {"url": stated.fields["url"], "valueString": stated.required_text("valueString")}


def _service(bundle: RequestBundle, item: Item, patient: Resource) -> Element | None:
    """The ServiceRequest that an item is for, if it names one."""
    extension = item.content.extension(f"{PAS}/extension-requestedService")
    if extension is None:
        return None
    service = bundle.find_kind(extension, "valueReference", "ServiceRequest").content
    service.required_text("status", "active")
    service.required_text("intent", "order")
    if service.flag("doNotPerform"):
        service.refuse("value", "doNotPerform", "says not to provide the service")
    if bundle.find(service, "subject") != patient:
        service.refuse("value", "subject", "expected the patient of the Claim")
    # Several items can have the same order, and each reads it.
    if len(json.dumps(service.fields, default=str)) > MAX_ORDER:
        service.refuse("not-supported", "", f"has more than {MAX_ORDER:,} characters; hand the request on")
    if timing := service.element("occurrenceTiming"):
        check_lengths(timing, "event")
    for name in ("quantityRatio", "quantityRange"):
        if name in service.fields:
            service.refuse("not-supported", name, "expected one number of visits or units")
    return service


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


def _is_expedited(claim: Element, services: list[Element | None]) -> bool:
    level = claim.extension(f"{PAS}/extension-levelOfServiceCode")
    stated = level.required("valueCodeableConcept").codes() if level else []
    priority = claim.element("priority")
    return any(each in codes.EXPEDITED for each in [*stated, *(priority.codes() if priority else [])]) or any(
        service.text("priority") == "stat" for service in services if service
    )
