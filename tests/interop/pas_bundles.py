"""Bundles for the tests of PAS, in our own words, and the answer of the policy to their requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fhir.resources.R4B.operationoutcome import OperationOutcome

from therapy_policy.interop import pas
from therapy_policy.interop.questionnaire import response_of

Json = dict[str, Any]
Ask = Callable[..., pas.Result]  # `pas.submit` with an engine, at RECEIVED

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
SUPPORTING_INFO = "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes"
X12 = "https://codesystem.x12.org/005010"
CPT = "http://www.ama-assn.org/go/cpt"
BASE = "https://clinic.example/fhir"
SECRET = "Xylophone"  # no answer repeats it
RECEIVED = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "examples"

COVERED = pas.PlanFacts(benefit_status="covered", authorization_number="AUTH-1")
OT_KNOWN = pas.PlanFacts(
    benefit_status="covered",
    medical_necessity="established",
    pediatric=True,
    units_already_authorized=0,
    authorization_number="AUTH-1",
)


def example(name: str) -> Json:
    content: Json = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return content


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def visits(number: Any) -> Json:
    return {"value": number, "unit": "visits", "system": f"{X12}/673", "code": "VS"}


def units(number: Any) -> Json:
    return {"value": number, "unit": "units"}


def item(
    sequence: int,
    service_type: str,
    product: Json,
    quantity: Json | None,
    certification: str = "I",
    **fields: Any,
) -> Json:
    content = {
        "extension": [
            {"url": f"{PAS}/extension-serviceItemRequestType", "valueCodeableConcept": concept(f"{X12}/1525", "HS")},
            {
                "url": f"{PAS}/extension-certificationType",
                "valueCodeableConcept": concept(f"{X12}/1322", certification),
            },
        ],
        "sequence": sequence,
        "category": concept(f"{X12}/1365", service_type),
        "productOrService": product,
        "quantity": quantity,
        **fields,
    }
    return {name: value for name, value in content.items() if value is not None}


def entry(kind: str, name: str, /, **fields: Any) -> Json:
    return {"fullUrl": f"{BASE}/{kind}/{name}", "resource": {"resourceType": kind, "id": name, **fields}}


def bundle_of(items: list[Json], responses: Sequence[Json] = ()) -> Json:
    """A Bundle with a Claim for these items, and what it refers to."""
    about = {"subject": {"reference": "Patient/1"}}
    answers = [
        {"fullUrl": f"{BASE}/QuestionnaireResponse/{n}", "resource": about | each}
        for n, each in enumerate(responses, 1)
    ]
    claim = entry(
        "Claim",
        "1",
        identifier=[{"system": "https://clinic.example/requests", "value": "2026-03-1002"}],
        status="active",
        type=concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        use="preauthorization",
        patient={"reference": "Patient/1"},
        created="2026-03-03T08:15:00-10:00",
        insurer={"reference": "Organization/plan"},
        provider={"reference": "Organization/clinic"},
        priority=concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        insurance=[{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/1"}}],
        item=items,
    )
    if answers:
        claim["resource"]["supportingInfo"] = [
            {
                "sequence": n,
                "category": concept(
                    f"{PAS.replace('StructureDefinition', 'CodeSystem')}/PASTempCodes", "additionalInformation"
                ),
                "valueReference": {"reference": each["fullUrl"]},
            }
            for n, each in enumerate(answers, 1)
        ]
    return copy.deepcopy(
        {
            "resourceType": "Bundle",
            "identifier": {"system": "https://clinic.example/bundles", "value": "1"},
            "type": "collection",
            "timestamp": "2026-03-03T08:15:00-10:00",
            "entry": [
                claim,
                entry("Patient", "1", name=[{"family": "Example"}]),
                entry("Organization", "plan", name="Plan", active=True),
                entry("Organization", "clinic", name="Clinic", active=True),
                entry(
                    "Coverage",
                    "1",
                    status="active",
                    beneficiary={"reference": "Patient/1"},
                    payor=[{"reference": "Organization/plan"}],
                ),
                *answers,
            ],
        }
    )


def referral(request: Json | None = None, quantity: Json | None = None, **fields: Any) -> Json:
    """A Bundle for a referral to physical therapy."""
    request = example("pt_referral") if request is None else request
    asked = item(1, "AE", concept(CPT, "97161"), quantity, **fields)
    return bundle_of([asked], [response_of(request)])


def extension(request: Json | None = None, quantity: Json | None = None, **fields: Any) -> Json:
    """A Bundle for an extension of physical therapy."""
    request = example("pt_extension") if request is None else request
    asked = item(1, "AE", concept(CPT, "97110"), quantity, "4", **fields)
    bundle = bundle_of([asked], [response_of(request)])
    claim_of(bundle)["created"] = "2026-03-25T08:15:00-10:00"
    return bundle


def ot_claim(*lines: tuple[str, Any]) -> Json:
    """A Bundle for one visit of occupational therapy, by default as in the example."""
    asked = lines or tuple(
        (each["procedure_code"], each["units"]) for each in example("pediatric_ot_claim")["service_lines"]
    )
    return bundle_of(
        [
            item(n, "AD", concept(CPT, code), units(number), servicedDate="2026-03-12")
            for n, (code, number) in enumerate(asked, 1)
        ]
    )


def claim_of(bundle: Json) -> Json:
    claim: Json = bundle["entry"][0]["resource"]
    return claim


def item_of(bundle: Json, at: int = 0) -> Json:
    found: Json = claim_of(bundle)["item"][at]
    return found


def resource_of(bundle: Json, kind: str) -> Json:
    found: Json = next(each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind)
    return found


def response_in(result: pas.Result) -> Json:
    assert result.status == 200, result.body
    content: Json = result.body["entry"][0]["resource"]
    return content


def said(adjudicated: Json) -> tuple[str, list[str], str | None]:
    """The action, the reasons and the number of an item or an added item."""
    (adjudication,) = adjudicated["adjudication"]
    (action,) = adjudication["extension"]
    assert action["url"] == f"{PAS}/extension-reviewAction"
    assert adjudication["category"] == concept("http://terminology.hl7.org/CodeSystem/adjudication", "submitted")
    codes: dict[str, list[str]] = {}
    for part in action["extension"]:
        value = part.get("valueString") or part["valueCodeableConcept"]["coding"][0]["code"]
        codes.setdefault(part["url"].rpartition("/")[2], []).append(value)
    (code,) = codes["extension-reviewActionCode"]
    return code, codes.get("reasonCode", []), next(iter(codes.get("number", [])), None)


def actions(result: pas.Result) -> list[str]:
    return [said(each)[0] for each in response_in(result)["item"]]


def notes(result: pas.Result) -> str:
    return " ".join(each["text"] for each in response_in(result)["processNote"])


def problem(result: pas.Result) -> str:
    assert result.status in (400, 422)
    OperationOutcome(**result.body)
    assert SECRET not in str(result.body)
    (issue,) = result.body["issue"]
    return f"{' '.join(issue.get('expression', []))}: {issue['diagnostics']}"


def with_order(asked: Json, **fields: Any) -> Json:
    order = {"status": "active", "intent": "order", "subject": {"reference": "Patient/1"}} | fields
    asked["entry"].append(entry("ServiceRequest", "1", **{"code": concept(f"{X12}/1365", "AE"), **order}))
    item_of(asked)["extension"].append(
        {"url": f"{PAS}/extension-requestedService", "valueReference": {"reference": "ServiceRequest/1"}}
    )
    return asked
