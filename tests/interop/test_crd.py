"""Da Vinci CRD: what a CDS Hooks client is told about an order, and what it is never told."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

import fhirpathpy
import pytest
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.servicerequest import ServiceRequest
from fhirpathpy.models import models
from hypothesis import given
from hypothesis import strategies as st

from tests.interop.crd_requests import (
    COVERAGE,
    CPT,
    OT_ORDER,
    PT_ORDER,
    SERVICE_TYPE,
    SNOMED,
    TAXONOMY,
    Json,
    appointment,
    bundle,
    call,
    concept,
    order,
    signed,
)
from therapy_policy import EmbeddedClient
from therapy_policy.files import packaged_json
from therapy_policy.interop import crd
from therapy_policy.interop.crd.coverage_information import URL
from therapy_policy.interop.questionnaire import questionnaire

SECRET = "Xylophone"
TODAY = date(2026, 3, 4)
MODELS: dict[str, Any] = {"ServiceRequest": ServiceRequest, "Appointment": Appointment}
SERVICE_OF: dict[str, str] = {hook: service_id for service_id, (hook, _, _) in crd.SERVICES.items()}

Respond = Callable[[Json], crd.Result]


@pytest.fixture(scope="module")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture(scope="module")
def respond(client: EmbeddedClient) -> Respond:
    def respond(request: Json, base: str | None = None) -> crd.Result:
        return crd.respond(SERVICE_OF[request["hook"]], request, client.decide_many, today=TODAY, base=base)

    return respond


def updated(result: crd.Result) -> list[Json]:
    """The orders of the answer, each valid FHIR, with an extension that keeps to the invariants."""
    assert result.status == 200
    assert result.body["cards"] == []
    actions = result.body.get("systemActions", [])
    for action in actions:
        assert action["type"] == "update"
        MODELS[action["resource"]["resourceType"]].model_validate(action["resource"])
        for extension in action["resource"]["extension"]:
            if extension["url"] == URL:
                assert broken(extension) == []
    return [action["resource"] for action in actions]


def told(result: crd.Result, at: int = 0) -> dict[str, list[Any]]:
    """The parts of the extension on an order: each value, or the parts of each detail."""
    extension = updated(result)[at]["extension"][-1]
    parts: dict[str, list[Any]] = {}
    for part in extension["extension"]:
        (value,) = (part[name] for name in part if name.startswith("value") or name == "extension")
        parts.setdefault(part["url"], []).append(value)
    return parts


def texts(parts: dict[str, list[Any]]) -> list[str]:
    return [each["text"] for each in parts["reason"]]


def details(parts: dict[str, list[Any]]) -> list[tuple[str, Any, str | None]]:
    """Code, value and qualification of each detail."""
    found = []
    for detail in parts.get("detail", []):
        of = {part["url"]: next(value for name, value in part.items() if name != "url") for part in detail}
        found.append((of["code"]["coding"][0]["code"], of["value"], of.get("qualification")))
    return found


# --- the invariants of the extension


def part(url: str, *values: str) -> str:
    """FHIRPath: the parts of the extension with this URL, or those of them with one of these codes."""
    any_of = " or ".join(f"value = '{each}'" for each in values)
    return f"extension.where(url = '{url}'" + (f" and ({any_of})" if any_of else "") + ")"


CODES_OF_REASONS = [
    "gold-card",
    "no-member-found",
    "no-active-coverage",
    "coverage-not-found",
    "auth-out-network",
    "technical",
]
NO_CODE = " and ".join(f"value.coding.code != '{each}'" for each in CODES_OF_REASONS)
CONDITIONAL = " or ".join(f"{part(url, 'conditional')}.exists()" for url in ("covered", "pa-needed", "doc-needed"))
INDETERMINATE = CONDITIONAL.replace("'conditional'", "'indeterminate'")


def no_documents_with(*values: str) -> str:
    return f"{part('pa-needed', *values)}.exists() implies {part('doc-purpose', 'withpa')}.empty()"


INVARIANTS = {
    "q1": f"{part('questionnaire')}.exists() implies {part('doc-needed')}.exists()",
    "q2": f"{part('covered', 'not-covered')}.exists() implies {part('pa-needed')}.empty()",
    "q3": f"({CONDITIONAL}) = {part('info-needed')}.exists()",
    # The guide tests a code, noauth, that its code system spells no-auth.
    "q4": no_documents_with("satisfied", "no-auth", "not-covered"),
    "q4 as published": no_documents_with("satisfied", "noauth", "not-covered"),
    "q5": f"{part('pa-needed', 'satisfied')}.exists() = {part('satisfied-pa-id')}.exists()",
    "q6": f"{part('info-needed', 'OTH')}.exists() implies {part('reason')}.exists()",
    "q7": f"{part('reason')}.where(value.text.empty() and {NO_CODE}).empty()",
    "q8": f"extension.where(url = 'doc-purpose' and value != 'conditional').exists() implies {part('reason')}.exists()",
    "q9": f"({INDETERMINATE}) implies {part('reason')}.exists()",
}
EVALUATED = {name: fhirpathpy.compile(expression, models["r4"]) for name, expression in INVARIANTS.items()}


def broken(extension: Json) -> list[str]:
    typed = {"resourceType": "Extension", **extension}
    return [name for name, evaluated in EVALUATED.items() if evaluated(typed, {}) != [True]]


def extension_of(parts: dict[str, Any]) -> Json:
    return {
        "url": URL,
        "extension": [
            {"url": url, "valueCodeableConcept": value} if isinstance(value, dict) else {"url": url, "valueCode": value}
            for url, value in parts.items()
        ],
    }


REASON = {"text": "why"}


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"covered": "covered", "questionnaire": "q"}, ["q1"]),
        ({"covered": "not-covered", "pa-needed": "auth-needed"}, ["q2"]),
        ({"covered": "conditional"}, ["q3"]),
        ({"covered": "covered", "info-needed": "location"}, ["q3"]),
        ({"pa-needed": "no-auth", "doc-purpose": "withpa", "reason": REASON}, ["q4"]),
        ({"pa-needed": "noauth", "doc-purpose": "withpa", "reason": REASON}, ["q4 as published"]),
        (
            {"pa-needed": "satisfied", "doc-purpose": "withpa", "satisfied-pa-id": "1", "reason": REASON},
            ["q4", "q4 as published"],
        ),
        ({"pa-needed": "satisfied"}, ["q5"]),
        ({"pa-needed": "auth-needed", "satisfied-pa-id": "1"}, ["q5"]),
        ({"covered": "conditional", "info-needed": "OTH"}, ["q6"]),
        ({"covered": "covered", "reason": concept(("x", "other"))}, ["q7"]),
        ({"covered": "covered", "reason": concept(("x", "gold-card"))}, []),
        ({"doc-purpose": "withclaim"}, ["q8"]),
        ({"covered": "indeterminate"}, ["q9"]),
    ],
)
def test_each_invariant_can_be_broken(parts: dict[str, Any], names: list[str]) -> None:
    assert broken(extension_of(parts)) == names


# --- what is told


def test_an_order_for_physical_therapy_needs_an_authorization_with_the_questionnaire(respond: Respond) -> None:
    parts = told(respond(signed(PT_ORDER)))
    assert {url: parts[url] for url in ("covered", "pa-needed", "doc-needed", "doc-purpose", "info-needed")} == {
        "covered": ["conditional"],
        "pa-needed": ["auth-needed"],
        "doc-needed": ["clinical"],
        "doc-purpose": ["withpa"],
        "info-needed": ["OTH"],
    }
    form = questionnaire("pt_referral")
    assert parts["questionnaire"] == [f"{form['url']}|{form['version']}"]
    assert parts["coverage"] == [{"reference": "Coverage/cov-1"}]
    assert parts["date"] == ["2026-03-04"]
    assert any("PT-7" in each for each in texts(parts))


def test_the_limits_are_those_of_the_policy_on_the_date_of_the_order(respond: Respond) -> None:
    visits = {"system": "http://unitsofmeasure.org", "unit": "visits", "code": "{visits}"}
    units = {"system": "http://unitsofmeasure.org", "unit": "units", "code": "{units}"}
    found = details(told(respond(signed(PT_ORDER))))
    limits = [(value, text) for code, value, text in found if code == "allowed-quantity"]
    assert [value for value, _ in limits] == [{"value": 12, **visits}, {"value": 6, **visits}, {"value": 4, **units}]
    clauses = zip(limits, ("PT-4", "PT-3", "PT-5"), strict=True)
    assert all(clause in str(text) for (_, text), clause in clauses)
    (address,) = (value for code, value, _ in found if code == "policy-link")
    assert address == packaged_json("data.json")["therapy"]["register"]["source"]["address"]


def test_limits_of_another_policy_than_the_installed_one_are_not_told(client: EmbeddedClient) -> None:
    def other(requests: list[Json]) -> list[Any]:
        return [{**each, "policy_version": "9.9.9"} for each in client.decide_many(requests)]

    result = crd.respond("order-sign-therapy", signed(PT_ORDER), other, today=TODAY)
    assert [code for code, _, _ in details(told(result))] == ["instructions", "policy-link"]


def test_an_order_for_occupational_therapy_is_conditional(respond: Respond) -> None:
    parts = told(respond(signed(OT_ORDER)))
    assert parts["covered"] == ["conditional"]
    assert parts["info-needed"] == ["OTH"]
    assert not {"pa-needed", "doc-needed", "doc-purpose", "questionnaire"} & parts.keys()
    assert any("OT-1" in each for each in texts(parts))
    assert [value["value"] for code, value, _ in details(parts) if code == "allowed-quantity"] == [4]


def test_a_code_that_is_not_listed_is_named_and_never_called_not_covered(respond: Respond) -> None:
    parts = told(respond(signed(order((CPT, "97140:GO")))))
    assert parts["covered"] == ["conditional"]
    assert any("OT-3" in each for each in texts(parts))


@pytest.mark.parametrize(
    ("asked", "clause"),
    [
        (order((CPT, "97113")), "PT-2"),
        (order((SNOMED, "91251008"), performerType=concept((TAXONOMY, "2251P0200X"))), "PT-2"),
        ({**PT_ORDER, "authoredOn": "2022-05-31"}, "PT-1"),
    ],
    ids=["aqua therapy", "pediatric", "before the rules"],
)
def test_an_order_outside_the_rules_is_indeterminate_with_the_reason(
    respond: Respond, asked: Json, clause: str
) -> None:
    parts = told(respond(signed(asked)))
    assert parts["covered"] == ["indeterminate"]
    assert any(clause in each for each in texts(parts))
    assert not {"pa-needed", "doc-needed", "doc-purpose", "info-needed", "questionnaire"} & parts.keys()


def test_an_order_with_a_modifier_is_indeterminate(respond: Respond) -> None:
    modifier = [{"url": "https://clinic.example/negated", "valueBoolean": True}]
    parts = told(respond(signed({**PT_ORDER, "modifierExtension": modifier})))
    assert (parts["covered"], "modifierExtension" in texts(parts)[0]) == (["indeterminate"], True)


HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
BILLING = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"


@pytest.mark.parametrize(
    ("asked", "discipline"),
    [
        (order((SNOMED, "410158009")), "PT"),
        (order((SNOMED, "308453003")), "OT"),
        (order((CPT, "97161")), "PT"),
        (order((CPT, "97168")), "OT"),
        (order((CPT, "97110:59:GP")), "PT"),
        (order((CPT, "97110")), "unclear"),
        (order((CPT, "97140")), "unclear"),
        (order((HCPCS, "97140")), "unclear"),
        (order((HCPCS, "G0283")), "unclear"),
        (order((CPT, "97140:GP")), "PT"),
        (order((CPT, "97810")), None),
        (order((CPT, "97110:GN")), None),
        (order((CPT, "97110:GP"), (CPT, "92507:GN")), None),
        (order((CPT, "92523")), None),
        (order((SNOMED, "91251008"), performerType=concept((TAXONOMY, "235Z00000X"))), None),
        (order((CPT, "97161"), (CPT, "97165")), "unclear"),
        (order(code={"coding": [{"code": "97161"}]}), None),
        (order((CPT, "77061")), None),
        (order(("http://hl7.org/fhir/sid/icd-10-cm", "M54.50")), None),
        (order((SNOMED, "1"), category=[concept((SERVICE_TYPE, "AE"))]), "PT"),
        (order((SNOMED, "1"), category=[concept((SERVICE_TYPE.replace("https", "http"), "AD"))]), "OT"),
        (order((SNOMED, "1"), performerType=concept((TAXONOMY, "2251X0800X"))), "PT"),
        (order((SNOMED, "1"), performerType=concept((TAXONOMY, "225XP0200X"))), "OT"),
        (order((SNOMED, "1"), reasonCode=[concept((SNOMED, "91251008"))]), None),
        (order(code={"text": "physical therapy"}), None),
        (
            order(code={"extension": [{"url": BILLING, "valueCodeableConcept": concept((CPT, "97162"))}], "text": "x"}),
            "PT",
        ),
        (order((SNOMED, "91251008"), doNotPerform=True), None),
    ],
)
def test_only_codes_of_the_service_say_which_therapy_it_is(
    respond: Respond, asked: Json, discipline: str | None
) -> None:
    result = respond(signed(asked))
    if discipline is None:
        assert result.body == {"cards": []}
        return
    parts = told(result)
    expected = {"PT": ("auth-needed", "OTH"), "OT": (None, "OTH"), "unclear": (None, "detail-code")}[discipline]
    assert (parts.get("pa-needed", [None])[0], parts["info-needed"][0]) == expected


# --- the hooks, and what they need


def test_the_whole_order_comes_back_and_only_the_extension_is_new(respond: Respond) -> None:
    earlier = {"url": URL, "extension": [{"url": "coverage", "valueReference": {"reference": "Coverage/cov-1"}}]}
    other = {"url": URL, "extension": [{"url": "coverage", "valueReference": {"reference": "Coverage/other"}}]}
    asked = {**PT_ORDER, "note": [{"text": SECRET}], "extension": [earlier, other]}
    before = copy.deepcopy(asked)
    result = respond(signed(asked))
    assert asked == before
    resource = result.body["systemActions"][0]["resource"]
    assert {name: value for name, value in resource.items() if name != "extension"} == {
        name: value for name, value in before.items() if name != "extension"
    }
    assert resource["extension"][0] == other
    assert len(resource["extension"]) == 2


@pytest.mark.parametrize(
    "reference", ["Coverage/cov-1", "https://ehr.example/fhir/Coverage/cov-1", "Coverage/cov-1/_history/2"]
)
def test_an_earlier_assertion_about_the_coverage_is_replaced_however_it_refers_to_it(
    respond: Respond, reference: str
) -> None:
    about = {"url": "coverage", "valueReference": {"reference": reference, "display": SECRET}}
    earlier = {"url": URL, "extension": [about, {"url": "covered", "valueCode": "not-covered"}, {"url": []}]}
    (extension,) = updated(respond(signed({**PT_ORDER, "extension": [earlier]})))[0]["extension"]
    assert "not-covered" not in str(extension)


@pytest.mark.parametrize(
    "content",
    [
        {"url": URL},
        {"url": URL, "extension": "x"},
        {"url": URL, "extension": [1, {"url": "coverage", "valueReference": []}]},
    ],
)
def test_an_earlier_assertion_that_cannot_be_read_stays(respond: Respond, content: Json) -> None:
    result = respond(signed({**PT_ORDER, "extension": [content]}))
    assert result.body["systemActions"][0]["resource"]["extension"][0] == content


def test_an_order_with_many_extensions_is_answered_in_good_time(respond: Respond) -> None:
    others = [{"url": f"https://ehr.example/{n}", "valueString": SECRET} for n in range(10_000)]
    asked = signed({**PT_ORDER, "extension": others})
    started = time.process_time()
    assert len(respond(asked).body["systemActions"][0]["resource"]["extension"]) == 10_001
    assert time.process_time() - started < 2


def test_an_order_that_already_has_the_same_information_is_not_updated(
    client: EmbeddedClient, respond: Respond
) -> None:
    first = respond(signed(PT_ORDER, OT_ORDER))
    answered = updated(first)
    for again in ({}, {"hookInstance": "another"}):
        result = respond({**signed(*answered), **again})
        assert result.body == {"cards": []}
        assert not result.told
    later = crd.respond("order-sign-therapy", signed(*answered), client.decide_many, today=date(2026, 3, 9))
    assert later.body == {"cards": []}
    for extension in (each["extension"][-1] for each in answered):
        parts = [part for part in extension["extension"] if part["url"] != "coverage"]
        stored = {"reference": "https://ehr.example/fhir/Coverage/cov-1/_history/1", "display": SECRET}
        extension["extension"] = [*reversed(parts), {"url": "coverage", "valueReference": stored}]
    assert respond(signed(*answered)).body == {"cards": []}
    incomplete = copy.deepcopy(answered)
    for each in incomplete:
        each["extension"][-1]["extension"] = each["extension"][-1]["extension"][1:]  # without the ID of the assertion
    assert len(updated(respond(signed(*incomplete)))) == 2
    (changed,) = updated(respond(signed({**answered[0], "authoredOn": "2021-03-03"}, answered[1])))
    assert changed["id"] == "1"


@pytest.mark.parametrize("version", ["2.0", "2.1", 2.2, ""])
def test_a_version_of_the_guide_that_is_not_declared_is_refused(respond: Respond, version: Any) -> None:
    asked = {**signed(PT_ORDER), "extension": {"davinci-crd.requestedVersion": version}}
    result = respond(asked)
    assert result.status == 400
    assert "davinci-crd.requestedVersion" in result.body["issue"][0]["expression"][0]


def test_the_version_of_the_guide_that_is_declared_is_answered(respond: Respond) -> None:
    declared = {version for each in crd.discovery()["services"] for version in each["extension"]["davinci-crd.version"]}
    assert declared == {"2.2"}
    asked = {**signed(PT_ORDER), "extension": {"davinci-crd.requestedVersion": "2.2"}}
    assert updated(respond(asked))


def test_each_order_has_an_answer_of_its_own_that_the_same_call_repeats(respond: Respond) -> None:
    asked = signed(PT_ORDER, order((CPT, "77061"), name="x"), OT_ORDER)
    result = respond(asked)
    assert [each["id"] for each in updated(result)] == ["1", "2"]
    ids = [told(result, at)["coverage-assertion-id"][0] for at in (0, 1)]
    assert len(set(ids)) == 2
    assert [each["coverage_assertion_id"] for each in result.told] == ids
    assert respond(asked).body == result.body
    assert told(respond({**asked, "hookInstance": "another"}))["coverage-assertion-id"] != ids[:1]


def test_a_dispatched_order_comes_from_the_prefetch(respond: Respond) -> None:
    context = {"dispatchedOrders": ["MedicationRequest/9", "https://clinic.example/fhir/ServiceRequest/1/_history/2"]}
    assert told(respond(call("order-dispatch", context, serviceRequests=bundle(PT_ORDER))))["pa-needed"]
    assert respond(call("order-dispatch", {"dispatchedOrders": ["MedicationRequest/9"]})).body == {"cards": []}
    assert respond(call("order-dispatch", context)).status == 412


def test_an_order_that_is_named_often_comes_back_once(respond: Respond) -> None:
    versions = ["ServiceRequest/1", "https://clinic.example/fhir/ServiceRequest/1/_history/2"]
    dispatched = call("order-dispatch", {"dispatchedOrders": versions * 60}, serviceRequests=PT_ORDER)
    based = [appointment(name=str(n), basedOn=[{"reference": "ServiceRequest/1"}]) for n in range(120)]
    booked = call("appointment-book", {"appointments": bundle(*based)}, serviceRequests=PT_ORDER)
    for asked in (dispatched, booked):
        assert [each["id"] for each in updated(respond(asked))] == ["1"]


@pytest.mark.parametrize(
    "asked",
    [
        signed(PT_ORDER, order((SNOMED, "84478008"))),
        call("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"]}, serviceRequests=bundle(PT_ORDER, PT_ORDER)),
        call("appointment-book", {"appointments": bundle(*[appointment((CPT, "97161"))] * 2)}),
    ],
    ids=["signed", "prefetched", "booked"],
)
def test_two_orders_with_the_same_id_are_refused(respond: Respond, asked: Json) -> None:
    result = respond(asked)
    assert (result.status, result.body["issue"][0]["expression"][0].endswith("entry[1].resource.id")) == (400, True)


@pytest.mark.parametrize("name", ["", "\ud800", "a b", "a/b", "1" * 65, "é", "1\n", 1])
def test_an_id_is_one_that_fhir_allows(respond: Respond, name: Any) -> None:
    booked = call("appointment-book", {"appointments": bundle(appointment((CPT, "97161"), id=name))})
    for asked in (signed({**PT_ORDER, "id": name}), booked, signed(PT_ORDER, coverage={**ACTIVE, "id": name})):
        assert respond(asked).status == 400


def test_any_text_can_name_a_call_and_no_two_calls_have_the_same_id(respond: Respond) -> None:
    names = ["\ud800", "a", "a ServiceRequest/1", 'a", "ServiceRequest/1']
    ids = [told(respond({**signed(PT_ORDER), "hookInstance": each}))["coverage-assertion-id"][0] for each in names]
    assert len(set(ids)) == len(names)


def test_an_order_not_to_perform_the_service_gets_no_answer_where_it_is_prefetched_too(respond: Respond) -> None:
    prohibited = {**PT_ORDER, "doNotPerform": True}
    based = appointment(basedOn=[{"reference": "ServiceRequest/1"}])
    for prefetched in (prohibited, bundle(prohibited)):
        for asked in (
            call("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"]}, serviceRequests=prefetched),
            call("appointment-book", {"appointments": bundle(based)}, serviceRequests=prefetched),
        ):
            result = respond(asked)
            assert (result.status, result.body) == (200, {"cards": []})


@pytest.mark.parametrize("status", ["revoked", "completed", "entered-in-error"])
def test_an_order_that_is_over_gets_no_answer(respond: Respond, status: str) -> None:
    over = {**PT_ORDER, "status": status}
    assert respond(signed(over)).body == {"cards": []}
    assert [each["id"] for each in updated(respond(signed(over, OT_ORDER)))] == ["2"]
    dispatched = call("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"]}, serviceRequests=over)
    assert respond(dispatched).body == {"cards": []}


@pytest.mark.parametrize("status", ["cancelled", "noshow", "fulfilled", "entered-in-error"])
def test_an_appointment_that_is_over_gets_no_answer(respond: Respond, status: str) -> None:
    booked = call("appointment-book", {"appointments": bundle(appointment((CPT, "97161"), status=status))})
    assert respond(booked).body == {"cards": []}


@pytest.mark.parametrize("fields", [{"status": "active"}, {"status": "on-hold"}, {"intent": "proposal"}])
def test_any_other_order_gets_an_answer(respond: Respond, fields: Json) -> None:
    assert told(respond(signed({**PT_ORDER, **fields})))["pa-needed"]


def test_the_earlier_form_of_order_dispatch_is_refused_with_the_form_that_is_read(respond: Respond) -> None:
    earlier = {"order": "ServiceRequest/1", "performer": "Organization/1"}
    result = respond(call("order-dispatch", earlier, serviceRequests=PT_ORDER))
    assert result.status == 400
    assert result.body["issue"][0]["expression"] == ["CDSHooksRequest.context.dispatchedOrders"]


def test_a_prefetched_order_with_a_modifier_is_indeterminate_also_by_itself(respond: Respond) -> None:
    modified = {**PT_ORDER, "modifierExtension": [{"url": "https://clinic.example/negated", "valueBoolean": True}]}
    for prefetched in (modified, bundle(modified)):
        asked = call("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"]}, serviceRequests=prefetched)
        assert told(respond(asked))["covered"] == ["indeterminate"]
    # A Bundle has no modifier in FHIR: what it would mean for each of the orders is not known.
    whole = {**bundle(PT_ORDER), "modifierExtension": modified["modifierExtension"]}
    refused = call("order-dispatch", {"dispatchedOrders": ["ServiceRequest/1"]}, serviceRequests=whole)
    assert respond(refused).status == 400


def test_the_rules_are_asked_about_so_many_codes_of_an_order_and_no_more(client: EmbeddedClient) -> None:
    asked: list[Json] = []

    def counted(requests: list[Json]) -> list[Any]:
        asked.extend(requests)
        return client.decide_many(requests)

    for count, decided, covered in ((50, 50, "conditional"), (51, 0, "indeterminate")):
        asked.clear()
        codes = [(CPT, "97165"), *((CPT, f"{97200 + n}") for n in range(count - 1))]
        result = crd.respond("order-sign-therapy", signed(order(*codes)), counted, today=TODAY)
        parts = told(result)
        assert (len(asked), parts["covered"]) == (decided, [covered])
    assert "more than 50 procedure codes" in texts(parts)[0]


def test_an_appointment_is_for_what_its_order_or_its_own_codes_say(respond: Respond) -> None:
    by_itself = call("appointment-book", {"appointments": bundle(appointment((CPT, "97161")))})
    assert updated(respond(by_itself))[0]["resourceType"] == "Appointment"
    based = appointment((SNOMED, "1"), basedOn=[{"reference": "ServiceRequest/1"}])
    with_order = call("appointment-book", {"appointments": bundle(based)}, serviceRequests=PT_ORDER)
    assert updated(respond(with_order))[0]["resourceType"] == "ServiceRequest"
    assert respond(call("appointment-book", {"appointments": bundle(based)})).status == 412


def test_the_date_of_an_order_without_one_is_today(client: EmbeddedClient) -> None:
    undated = {name: value for name, value in PT_ORDER.items() if name != "authoredOn"}
    for today, covered in ((date(2022, 5, 31), "indeterminate"), (date(2022, 6, 1), "conditional")):
        result = crd.respond("order-sign-therapy", signed(undated), client.decide_many, today=today)
        assert result.told[0]["covered"] == covered


def test_the_questionnaire_is_at_the_plans_address(client: EmbeddedClient) -> None:
    result = crd.respond(
        "order-sign-therapy", signed(PT_ORDER), client.decide_many, today=TODAY, base="https://fhir.plan.example/r4"
    )
    assert told(result)["questionnaire"][0].startswith("https://fhir.plan.example/r4/Questionnaire/pt-referral|")


def test_a_client_that_wants_no_coverage_information_gets_none(respond: Respond) -> None:
    asked = {**signed(PT_ORDER), "extension": {"davinci-crd.configuration": {"coverage-info": False}}}
    assert respond(asked).body == {"cards": []}


CANCELLED = {"resourceType": "Coverage", "id": "c", "status": "cancelled"}
ACTIVE = {"resourceType": "Coverage", "id": "c", "status": "active"}
MODIFIED = {**ACTIVE, "modifierExtension": [{"url": "https://clinic.example/negated", "valueBoolean": True}]}


@pytest.mark.parametrize(
    ("coverage", "status"),
    [
        (None, 412),
        ({"resourceType": "OperationOutcome", "issue": []}, 412),
        ({"resourceType": "Bundle", "type": "searchset"}, 400),
        (bundle(CANCELLED), 400),
        (bundle(ACTIVE, {**ACTIVE, "id": "d"}), 400),
        ({"resourceType": "Coverage", "status": "active"}, 400),
        ({"resourceType": "Coverage", "id": "c"}, 400),
        (bundle(ACTIVE, {"resourceType": "Coverage", "id": "d"}), 200),
        (MODIFIED, 400),
        (bundle(MODIFIED), 400),
        (bundle(ACTIVE, {**MODIFIED, "id": "d"}), 400),
        ({**ACTIVE, "beneficiary": {"reference": "Patient/2"}}, 400),
        ({**ACTIVE, "beneficiary": {"reference": "https://clinic.example/fhir/Patient/2/_history/1"}}, 400),
        ({**ACTIVE, "beneficiary": {"reference": "https://clinic.example/fhir/Patient/1/_history/2"}}, 200),
        ({**ACTIVE, "beneficiary": {"reference": "urn:uuid:5b3c1a57-0b1c-4b0a-9f4b-6f1f0f0c0a01"}}, 200),
        ({**ACTIVE, "beneficiary": {"display": SECRET}}, 200),
        (bundle(ACTIVE, CANCELLED), 200),
        (ACTIVE, 200),
    ],
)
def test_coverage_information_needs_exactly_one_active_coverage(
    respond: Respond, coverage: Json | None, status: int
) -> None:
    assert respond(signed(PT_ORDER, coverage=coverage)).status == status
    # An order for something else gets no answer, so nothing is needed.
    assert respond(signed(order((CPT, "77061")), coverage=coverage)).body == {"cards": []}


OF_ANOTHER = {"reference": "Patient/2"}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (signed({**PT_ORDER, "subject": OF_ANOTHER}), 400),
        (signed(PT_ORDER, {**OT_ORDER, "subject": OF_ANOTHER}), 400),
        (signed({**PT_ORDER, "subject": {"reference": "Group/2"}}), 200),
        (signed(order((CPT, "77061"), subject=OF_ANOTHER)), 200),  # it gets no answer
        (
            call(
                "appointment-book",
                {"appointments": bundle(appointment((CPT, "97161"), participant=[{"actor": OF_ANOTHER}]))},
            ),
            400,
        ),
    ],
)
def test_an_order_of_another_patient_is_refused(respond: Respond, asked: Json, status: int) -> None:
    assert respond(asked).status == status


def test_a_call_that_does_not_name_the_patient_is_refused(respond: Respond) -> None:
    asked = signed({**PT_ORDER, "subject": OF_ANOTHER}, coverage=ACTIVE)
    del asked["context"]["patientId"]
    result = respond(asked)
    assert result.status == 400
    assert result.body["issue"][0]["expression"] == ["CDSHooksRequest.context.patientId"]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("hook", "order-select", "CDSHooksRequest.hook"),
        ("hookInstance", None, "CDSHooksRequest.hookInstance"),
        ("context", None, "CDSHooksRequest.context"),
        ("context/draftOrders", None, "CDSHooksRequest.context.draftOrders"),
        ("context/draftOrders", {"resourceType": "List"}, "CDSHooksRequest.context.draftOrders.resourceType"),
        ("context/draftOrders/entry/0", {}, "CDSHooksRequest.context.draftOrders.entry[0].resource"),
        ("context/draftOrders/entry/0/resource/id", None, "CDSHooksRequest.context.draftOrders.entry[0].resource.id"),
        ("context/draftOrders/entry/0/resource/authoredOn", "2026-03", "ServiceRequest.authoredOn"),
        ("context/draftOrders/entry/0/resource/authoredOn", f"{SECRET}-03-03", "ServiceRequest.authoredOn"),
        ("context/draftOrders/entry/0/resource/authoredOn", "1899-12-31", "ServiceRequest.authoredOn"),
        (
            "context/draftOrders/entry/0/resource/extension",
            SECRET,
            "CDSHooksRequest.context.draftOrders.entry[0].resource.extension",
        ),
        (
            "context/draftOrders/entry/0/resource/code/coding",
            SECRET,
            "CDSHooksRequest.context.draftOrders.entry[0].resource.code.coding",
        ),
        ("prefetch", [SECRET], "CDSHooksRequest.prefetch"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_none_of_its_text(
    client: EmbeddedClient, path: str, value: Any, place: str
) -> None:
    asked: Any = copy.deepcopy(signed(PT_ORDER))
    *parents, last = path.split("/")
    holder = asked
    for step in parents:
        holder = holder[int(step) if step.isdecimal() else step]
    holder[int(last) if last.isdecimal() else last] = value
    result = crd.respond("order-sign-therapy", asked, client.decide_many, today=TODAY)
    OperationOutcome.model_validate(result.body)
    assert (result.status, result.body["issue"][0]["expression"]) == (400, [place])
    assert SECRET not in str(result.body)


def test_a_call_has_a_limit_of_orders_and_a_service_that_exists(client: EmbeddedClient, respond: Respond) -> None:
    many = signed(*(order((CPT, "77061"), name=str(n)) for n in range(101)))
    assert respond(many).status == 400
    assert crd.respond(SECRET, signed(PT_ORDER), client.decide_many, today=TODAY).status == 404


def test_the_discovery_names_the_hooks_and_what_they_need() -> None:
    services = {each["id"]: each for each in crd.discovery()["services"]}
    assert {each["hook"] for each in services.values()} == {"order-sign", "order-dispatch", "appointment-book"}
    assert all("coverage" in each["prefetch"] for each in services.values())
    assert all(each["description"] and each["title"] for each in services.values())


# Of the guide's own examples: a mammography and home oxygen, medications that are dispatched, a request for records,
# and an appointment with a specialist.


@pytest.mark.parametrize(
    "asked",
    [
        signed(order((SNOMED, "726551006")), order((HCPCS, "E0431"), name="2")),
        call("order-dispatch", {"dispatchedOrders": ["MedicationRequest/1111", "MedicationRequest/2222"]}),
        {**signed({"resourceType": "CommunicationRequest", "id": "1", "status": "draft"}), "prefetch": None},
        {
            **call(
                "appointment-book",
                {"appointments": bundle(appointment(("http://terminology.hl7.org/CodeSystem/service-type", "24")))},
            ),
            "prefetch": None,
        },
    ],
    ids=["mammography and oxygen", "medications", "records", "specialist"],
)
def test_orders_like_those_of_the_guide_get_no_answer(respond: Respond, asked: Json) -> None:
    assert respond(asked).body == {"cards": []}


# --- anything at all

TEXTS = st.sampled_from([SECRET, "ServiceRequest", "ServiceRequest/1", "Bundle", "order-sign", "97161", CPT, "1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["resourceType", "entry"]), inner),
    max_leaves=5,
)
PATHS = [
    (),
    ("hook",),
    ("context",),
    ("context", "draftOrders"),
    ("context", "draftOrders", "entry"),
    ("context", "draftOrders", "entry", 0, "resource"),
    ("context", "draftOrders", "entry", 0, "resource", "code"),
    ("context", "draftOrders", "entry", 0, "resource", "code", "coding", 0),
    ("context", "draftOrders", "entry", 0, "resource", "category"),
    ("context", "draftOrders", "entry", 0, "resource", "extension"),
    ("context", "dispatchedOrders"),
    ("context", "appointments"),
    ("prefetch",),
    ("prefetch", "coverage"),
    ("prefetch", "serviceRequests"),
    ("extension",),
]


@given(
    st.sampled_from(sorted(SERVICE_OF)),
    st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=3),
)
def test_any_value_anywhere_has_a_typed_answer(
    client: EmbeddedClient, hook: str, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    based = appointment((SNOMED, "1"), basedOn=[{"reference": "ServiceRequest/1"}])
    context = {
        "draftOrders": bundle(PT_ORDER),
        "dispatchedOrders": ["ServiceRequest/1"],
        "appointments": bundle(based, appointment((CPT, "97165"))),
    }
    asked: Any = copy.deepcopy(call(hook, context, serviceRequests=bundle(PT_ORDER), coverage=COVERAGE))
    for path, value in changes:
        if not path:
            asked = value
            continue
        holder = asked
        for step in path[:-1]:
            within = isinstance(holder, dict) and step in holder
            holder = holder[step] if within or (isinstance(holder, list) and step == 0 and holder) else None
        if isinstance(holder, dict):
            holder[path[-1]] = value
    result = crd.respond(SERVICE_OF[hook], asked, partial(client.decide_many), today=TODAY)
    if result.status == 200:
        assert all(each["covered"] in ("conditional", "indeterminate") for each in result.told)
        for action in result.body.get("systemActions", []):
            assert broken(action["resource"]["extension"][-1]) == []
    else:
        assert result.status in (400, 412)
        OperationOutcome.model_validate(result.body)
        assert SECRET not in str(result.body)
