"""The extension `coverage-information` of Da Vinci CRD 2.2.1, and the order that it is added to."""

from __future__ import annotations

import json

from therapy_policy.interop.crd.guidance import Guidance, Limit, source_page
from therapy_policy.interop.crd.orders import Order
from therapy_policy.interop.fhir import Json, type_and_id
from therapy_policy.interop.pas.codes import CRD, UCUM
from therapy_policy.interop.questionnaire import questionnaire

URL = f"{CRD}/ext-coverage-information"
_OF_ONE_CALL = ("date", "coverage-assertion-id")
# The codes of details moved from the guide to HL7's terminology; both are understood.
DETAIL_CODES = (
    "http://terminology.hl7.org/CodeSystem/crd-coverage-detail",
    "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
)


def with_coverage_information(
    order: Order, guidance: Guidance, *, coverage: str, assertion_id: str, today: str, base: str | None
) -> Json | None:
    """Return the whole order with the extension about this coverage, in place of earlier ones about it.

    None if it already has this extension, and no other one about this coverage: only its date and its ID may differ.
    """
    extension = _extension(guidance, coverage, assertion_id, today, base)
    others: list[Json] = []
    earlier: list[Json] = []
    for each in order.resource.get("extension", ()):
        (earlier if _is_about(each, coverage) else others).append(each)
    if len(earlier) == 1 and _is_whole(earlier[0]) and _lasting(earlier[0]) == _lasting(extension):
        return None
    return {**order.resource, "extension": [*others, extension]}


def _is_about(extension: Json, coverage: str) -> bool:
    """Whether an extension, which may have anything in it, is about this coverage, however it refers to it."""
    references = [each.get("valueReference") for each in _parts(extension) if each.get("url") == "coverage"]
    named = [each.get("reference") for each in references if isinstance(each, dict)]
    about = any(isinstance(each, str) and type_and_id(each) == type_and_id(coverage) for each in named)
    return about and extension.get("url") == URL


def _is_whole(extension: Json) -> bool:
    urls = [each.get("url") for each in _parts(extension)]
    return all(each in urls for each in _OF_ONE_CALL)


def _lasting(extension: Json) -> list[str]:
    """What an extension says of the coverage, in any order, and not when, nor how it refers to the coverage."""
    left_out = (*_OF_ONE_CALL, "coverage")
    said = [each for each in _parts(extension) if each.get("url") not in left_out]
    return sorted(json.dumps(each, sort_keys=True, default=str) for each in said)


def _parts(extension: Json) -> list[Json]:
    parts = extension.get("extension")
    return [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []


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
