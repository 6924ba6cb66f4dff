"""Requests of CDS Hooks clients for tests, in our own words."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
TAXONOMY = "http://nucc.org/provider-taxonomy"
SERVICE_TYPE = "https://codesystem.x12.org/005010/1365"
COVERAGE: Json = {
    "resourceType": "Bundle",
    "type": "searchset",
    "entry": [{"resource": {"resourceType": "Coverage", "id": "cov-1", "status": "active"}}],
}


def concept(*codes: tuple[str, str]) -> Json:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def order(*codes: tuple[str, str], name: str = "1", **fields: Any) -> Json:
    """A ServiceRequest for these codes."""
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "status": "draft",
        "intent": "order",
        "code": concept(*codes),
        "subject": {"reference": "Patient/1"},
        "authoredOn": "2026-03-03T08:15:00-10:00",
        **fields,
    }


def appointment(*codes: tuple[str, str], name: str = "a-1", **fields: Any) -> Json:
    return {
        "resourceType": "Appointment",
        "id": name,
        "status": "proposed",
        "serviceType": [concept(*codes)],
        "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
        **fields,
    }


def bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def call(hook: str, context: Json, **prefetch: Any) -> Json:
    return {
        "hook": hook,
        "hookInstance": "0d1c9b4e-3f5a-4a77-9d3c-5a5a5a5a5a5a",
        "context": {"userId": "Practitioner/1", "patientId": "1", **context},
        "prefetch": {"coverage": COVERAGE, **prefetch},
    }


def signed(*orders: Json, **prefetch: Any) -> Json:
    """A call of order-sign for these orders."""
    return call("order-sign", {"draftOrders": bundle(*orders)}, **prefetch)


PT_ORDER = order((SNOMED, "91251008"))
OT_ORDER = order((SNOMED, "84478008"), name="2")
