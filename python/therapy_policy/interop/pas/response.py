"""The Bundle with the ClaimResponse that answers a `Claim/$submit`.

It says what was decided and why, and no more: no dates of an authorization, because the policy has none, and no text of
a code, because the texts are X12's. Its identifiers are made from the request, so the same request at the same time has
the same answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from therapy_policy.interop.fhir import Element, Json
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.codes import PAS
from therapy_policy.interop.pas.disciplines import Code
from therapy_policy.interop.pas.services import judged
from therapy_policy.interop.pas.submission import Submission
from therapy_policy.interop.pas.verdicts import Verdict, answers_of

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://therapy-policy.example/fhir/pas")
_UNIT_WORDS = {codes.VISITS: "visits", codes.UNITS: "units"}


def respond(
    submission: Submission,
    answered: Mapping[str, Any] | None,
    *,
    received_at: datetime,
    hold_clinical_denials: bool = True,
) -> Json:
    """Return the response Bundle. `answered` is what the engine answers to `submission.request`, None if there is none.

    Raises `Refused` if the policy says that the request is invalid.
    """
    said = answers_of(submission, answered, hold_clinical_denials=hold_clinical_denials)
    certified = any(each.granted for each in said.verdicts)
    writing = _Writing(submission, received_at.isoformat(), submission.authorization_number if certified else None)
    requests = [writing.communication_request(each) for each in said.documents]
    response = writing.claim_response(said.verdicts, said.notes, [each["fullUrl"] for each in requests])
    url = writing.url("ClaimResponse")
    return {
        "resourceType": "Bundle",
        "meta": writing.meta("profile-pas-response-bundle"),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": writing.url("Bundle")},
        "type": "collection",
        "timestamp": writing.time,
        "entry": [{"fullUrl": url, "resource": response}, *writing.echoed(), *requests],
    }


@dataclass(frozen=True)
class _Writing:
    """Writes the resources of one answer, at `time`. `number` is that of the authorization, if there is one."""

    submission: Submission
    time: str
    number: str | None

    @property
    def claim(self) -> Element:
        return self.submission.bundle.claim

    def url(self, name: str) -> str:
        return uuid.uuid5(_NAMESPACE, f"{name} {self.time} {self.submission.identity}").urn

    def meta(self, profile: str) -> Json:
        return {"profile": [f"{PAS}/{profile}|{self.submission.bundle.version}"]}

    def reference(self, name: str) -> Json:
        """A Reference of the Claim, as one to the same resource in the answer."""
        return {"reference": self.submission.bundle.find(self.claim, name).full_url}

    def echoed(self) -> list[Json]:
        """The entries of the resources that the ClaimResponse refers to, as they came."""
        urls = {self.reference(name)["reference"] for name in ("patient", "insurer", "provider")}
        return [
            {"fullUrl": each.full_url, "resource": each.sent["resource"]}
            for each in self.submission.bundle.resources
            if each.full_url in urls
        ]

    def claim_response(self, verdicts: list[Verdict], notes: list[str], wanted: list[str]) -> Json:
        version = self.submission.bundle.version
        waits = any(each.waits for each in verdicts)
        system, code = self.claim.required("type").codes()[0]
        of_items = dict.fromkeys(note for verdict in verdicts for note in verdict.notes)
        numbers = {note: number for number, note in enumerate(of_items, len(notes) + 1)}
        response: Json = {
            "resourceType": "ClaimResponse",
            "id": self.url("ClaimResponse").removeprefix("urn:uuid:"),
            "meta": self.meta("profile-claimresponse"),
            "status": "active",
            "type": _concept(system, code),
            "use": "preauthorization",
            "patient": self.reference("patient"),
            "created": self.time,
            "insurer": self.reference("insurer"),
            "requestor": self.reference("provider"),
            "request": {"reference": self.submission.bundle.claim_url},
            "outcome": "queued" if waits and version == "2.0.1" else "complete",
            "item": [
                self.item(each, [*range(1, len(notes) + 1), *(numbers[note] for note in each.notes)])
                for each in verdicts
            ],
            "processNote": [{"number": number, "text": text} for number, text in enumerate([*notes, *numbers], 1)],
        }
        if version == "2.2.1":
            flag = {"url": "wasHumanReviewedFlag", "valueBoolean": False}
            response["extension"] = [{"url": f"{PAS}/extension-claimResponseReviewer", "extension": [flag]}]
        if self.number:
            response["preAuthRef"] = self.number
        modified = [each for each in verdicts if each.action == "A6"]
        if version == "2.2.1" and (added := [self.added(each) for each in modified]):
            response["addItem"] = added
        if wanted:
            response["communicationRequest"] = [{"reference": each} for each in wanted]
        return response

    def item(self, verdict: Verdict, notes: list[int]) -> Json:
        extensions = [*verdict.item.repeated]
        if verdict.action == "A6" and self.submission.bundle.version == "2.0.1":
            extensions.append(self.authorized_detail(verdict))
        return ({"extension": extensions} if extensions else {}) | {
            "itemSequence": verdict.item.sequence,
            "noteNumber": notes,
            "adjudication": [self.adjudication(verdict.action, verdict.reasons)],
        }

    def added(self, verdict: Verdict) -> Json:
        """What is authorized of an item, where it is less than what was requested."""
        product, modifiers, quantity = _authorized(verdict)
        return {
            "itemSequence": [verdict.item.sequence],
            "productOrService": product,
            **({"modifier": modifiers} if modifiers else {}),
            "quantity": quantity,
            "adjudication": [self.adjudication("A1", [])],
        }

    def authorized_detail(self, verdict: Verdict) -> Json:
        """The same as an extension of the item, where 2.0.1 has it."""
        product, modifiers, quantity = _authorized(verdict)
        parts = [
            {"url": "productOrServiceCode", "valueCodeableConcept": product},
            *({"url": "modifier", "valueCodeableConcept": each} for each in modifiers),
            {"url": "quantity", "valueQuantity": quantity},
        ]
        return {"url": f"{PAS}/extension-itemAuthorizedDetail", "extension": parts}

    def adjudication(self, action: str, reasons: list[str]) -> Json:
        parts: list[Json] = [
            {"url": f"{PAS}/extension-reviewActionCode", "valueCodeableConcept": _concept(codes.REVIEW_ACTION, action)}
        ]
        if self.number and action in ("A1", "A6"):
            parts.append({"url": "number", "valueString": self.number})
        parts += [
            {"url": "reasonCode", "valueCodeableConcept": _concept(codes.REVIEW_REASON, reason)} for reason in reasons
        ]
        return {
            "extension": [{"url": f"{PAS}/extension-reviewAction", "extension": parts}],
            "category": _concept(codes.ADJUDICATION, "submitted"),
        }

    def communication_request(self, document: Json) -> Json:
        """The entry of a CommunicationRequest for one document."""
        report_type, loinc = document["report_type"], document["loinc"]
        url = self.url(f"CommunicationRequest {report_type} {loinc}")
        resource: Json = {
            "resourceType": "CommunicationRequest",
            "id": url.removeprefix("urn:uuid:"),
            "meta": self.meta("profile-communicationrequest"),
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": url}],
            "status": "active",
            "subject": self.reference("patient"),
            "requester": self.reference("insurer"),
            "recipient": [self.reference("provider")],
            "sender": self.reference("provider"),
        }
        if report_type:
            resource["category"] = [_concept(codes.REPORT_TYPE, report_type)]
        if loinc:
            resource["payload"] = [{"contentString": loinc}]
        return {"fullUrl": url, "resource": resource}


def _authorized(verdict: Verdict) -> tuple[Json, list[Json], Json]:
    """The service, its modifiers and the quantity that are authorized of an item."""
    content = verdict.item.content
    quantity = {
        "value": verdict.granted,
        "unit": _UNIT_WORDS[verdict.unit],
        "system": codes.QUANTITY_UNIT,
        "code": verdict.unit,
    }
    return (
        _coded([judged(content.required("productOrService"))]),
        [_coded(stated) for each in content.elements("modifier") if (stated := each.codes())],
        quantity,
    )


def _concept(system: str, code: str) -> Json:
    return _coded([(system, code)])


def _coded(stated: list[Code]) -> Json:
    return {"coding": [{"system": system, "code": code} if system else {"code": code} for system, code in stated]}
