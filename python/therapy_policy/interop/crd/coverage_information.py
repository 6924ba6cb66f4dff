"""The extension `coverage-information` of Da Vinci CRD 2.2.1, and the order that it is added to."""

from __future__ import annotations

from therapy_policy.interop.crd.guidance import Guidance, Limit, source_page
from therapy_policy.interop.crd.orders import CRD, Order
from therapy_policy.interop.fhir import Json
from therapy_policy.interop.pas.codes import UCUM
from therapy_policy.interop.questionnaire import questionnaire

URL = f"{CRD}/ext-coverage-information"
# The codes of details moved from the guide to HL7's terminology; both are understood.
DETAIL_CODES = (
    "http://terminology.hl7.org/CodeSystem/crd-coverage-detail",
    "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
)


def with_coverage_information(
    order: Order, guidance: Guidance, *, coverage: str, assertion_id: str, today: str, base: str | None
) -> Json:
    """Return the whole order with the extension about this coverage, in place of an earlier one about it."""
    extension = _extension(guidance, coverage, assertion_id, today, base)
    others = [each for each in order.resource.get("extension", ()) if not _is_about(each, coverage)]
    return {**order.resource, "extension": [*others, extension]}


def _is_about(extension: Json, coverage: str) -> bool:
    parts = extension.get("extension")
    return extension.get("url") == URL and isinstance(parts, list) and _coverage_part(coverage) in parts


def _coverage_part(coverage: str) -> Json:
    return {"url": "coverage", "valueReference": {"reference": coverage}}


def _extension(guidance: Guidance, coverage: str, assertion_id: str, today: str, base: str | None) -> Json:
    parts = [
        _coverage_part(coverage),
        {"url": "covered", "valueCode": guidance.covered},
    ]
    if guidance.prior_authorization:
        parts.append({"url": "pa-needed", "valueCode": "auth-needed"})
    if guidance.questionnaire:
        parts.append({"url": "doc-needed", "valueCode": "clinical"})
        parts.append({"url": "doc-purpose", "valueCode": "withpa"})
    if guidance.info_needed:
        parts.append({"url": "info-needed", "valueCode": guidance.info_needed})
    parts += [{"url": "reason", "valueCodeableConcept": {"text": each}} for each in guidance.reasons]
    parts += [_detail("cat-limitation", "allowed-quantity", *_quantity(each)) for each in guidance.limits]
    if guidance.instruction:
        parts.append(_detail("cat-other", "instructions", {"valueString": guidance.instruction}))
    parts.append(_detail("cat-other", "policy-link", {"valueUrl": source_page()}))
    if guidance.questionnaire:
        form = questionnaire(guidance.questionnaire, base)
        parts.append({"url": "questionnaire", "valueCanonical": f"{form['url']}|{form['version']}"})
    parts.append({"url": "date", "valueDate": today})
    parts.append({"url": "coverage-assertion-id", "valueString": assertion_id})
    return {"url": URL, "extension": parts}


def _quantity(limit: Limit) -> tuple[Json, str]:
    quantity = {"value": limit.value, "unit": limit.unit, "system": UCUM, "code": f"{{{limit.unit}}}"}
    return {"valueQuantity": quantity}, limit.about


def _detail(category: str, code: str, value: Json, qualification: str | None = None) -> Json:
    parts: list[Json] = [
        {"url": "category", "valueCode": category},
        {"url": "code", "valueCodeableConcept": {"coding": [{"system": each, "code": code} for each in DETAIL_CODES]}},
        {"url": "value", **value},
    ]
    if qualification:
        parts.append({"url": "qualification", "valueString": qualification})
    return {"url": "detail", "extension": parts}
