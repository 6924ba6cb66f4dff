"""Da Vinci PAS: what a Bundle asks, what the ClaimResponse says about it, and what is never decided."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fhirpathpy
import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.interop.pas_bundles import (
    BASE,
    COVERED,
    CPT,
    OT_KNOWN,
    PAS,
    RECEIVED,
    SECRET,
    SUPPORTING_INFO,
    X12,
    Ask,
    Json,
    actions,
    bundle_of,
    claim_of,
    concept,
    entry,
    example,
    extension,
    item,
    item_of,
    notes,
    ot_claim,
    problem,
    referral,
    resource_of,
    response_in,
    said,
    units,
    visits,
    with_order,
)
from therapy_policy.errors import EngineError
from therapy_policy.interop import fhir, pas
from therapy_policy.interop.questionnaire import response_of

CANCELLED = {"url": f"{PAS}/extension-infoCancelled", "valueBoolean": True}
LEVEL = {"url": f"{PAS}/extension-levelOfServiceCode"}


# --- physical therapy


def test_a_referral_that_asks_for_no_number_gets_what_the_policy_grants(ask: Ask) -> None:
    result = ask(referral(), plan=COVERED)
    response = response_in(result)
    assert said(response["item"][0]) == ("A1", [], "AUTH-1")
    assert response["preAuthRef"] == "AUTH-1"
    assert response["outcome"] == "complete"
    assert "addItem" not in response
    assert "The authorization ends with visit 6 of the referral." in notes(result)
    assert "preAuthPeriod" not in fhir.dumps(result.body).replace("itemPreAuthPeriod", "preAuthPeriod")


def test_a_referral_that_asks_for_more_visits_is_modified(ask: Ask) -> None:
    response = response_in(ask(referral(quantity=visits(12)), plan=COVERED))
    assert said(response["item"][0]) == ("A6", ["0L"], "AUTH-1")
    (added,) = response["addItem"]
    assert added["itemSequence"] == [1]
    assert added["quantity"] == {"value": 6, "unit": "visits", "system": f"{X12}/673", "code": "VS"}
    assert added["productOrService"] == concept(CPT, "97161")
    assert said(added) == ("A1", [], "AUTH-1")


@pytest.mark.parametrize("number", [6, 6.0, 5])
def test_a_referral_that_asks_for_no_more_than_granted_is_certified(ask: Ask, number: float) -> None:
    assert actions(ask(referral(quantity=visits(number)), plan=COVERED)) == ["A1"]


def test_no_note_names_visits_that_were_not_requested(ask: Ask) -> None:
    assert "ends with visit 6 of the referral" in notes(ask(referral(quantity=visits(6)), plan=COVERED))
    assert "visit 6" not in notes(ask(referral(quantity=visits(3)), plan=COVERED))


def test_in_the_earlier_version_the_item_itself_has_what_is_authorized(ask: Ask) -> None:
    asked = referral(quantity=visits(12), modifier=[concept(CPT, "GP")])
    response = response_in(ask(asked, plan=COVERED, version="2.0.1"))
    assert "addItem" not in response
    (detail,) = response["item"][0]["extension"]
    assert detail == {
        "url": f"{PAS}/extension-itemAuthorizedDetail",
        "extension": [
            {"url": "productOrServiceCode", "valueCodeableConcept": concept(CPT, "97161")},
            {"url": "modifier", "valueCodeableConcept": concept(CPT, "GP")},
            {"url": "quantity", "valueQuantity": {**visits(6)}},
        ],
    }
    assert "extension" not in response_in(ask(asked, plan=COVERED, version="2.2.1"))["item"][0]


def test_without_a_benefit_status_a_referral_pends(ask: Ask) -> None:
    result = ask(referral())
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0W"])
    assert "preAuthRef" not in response_in(result)


def test_without_a_number_of_the_plan_there_is_none(ask: Ask) -> None:
    result = ask(referral(), plan=pas.PlanFacts(benefit_status="covered"))
    assert said(response_in(result)["item"][0]) == ("A1", [], None)
    assert "preAuthRef" not in response_in(result)


def test_without_the_answers_of_a_provider_a_referral_pends_and_asks_for_documents(ask: Ask) -> None:
    asked = bundle_of([item(1, "AE", concept(CPT, "97161"), visits(6))])
    result = ask(asked, plan=COVERED)
    assert said(response_in(result)["item"][0]) == ("A4", ["0U"], None)
    assert "pt-referral" in notes(result)
    (wanted,) = response_in(result)["communicationRequest"]
    (request,) = [each["resource"] for each in result.body["entry"] if each["fullUrl"] == wanted["reference"]]
    assert request["payload"] == [{"contentString": "19002-5"}]
    assert request["requester"] == {"reference": f"{BASE}/Organization/plan"}


def test_a_relative_reference_is_relative_to_the_server_of_the_claim(ask: Ask) -> None:
    bundle = referral()
    (information,) = claim_of(bundle)["supportingInfo"]
    information["valueReference"]["reference"] = "QuestionnaireResponse/1"
    assert "id" not in resource_of(bundle, "QuestionnaireResponse")
    assert response_in(ask(bundle))["item"] == response_in(ask(referral()))["item"]


def test_answers_that_the_claim_does_not_refer_to_do_not_count(ask: Ask) -> None:
    asked = referral()
    del claim_of(asked)["supportingInfo"]
    assert actions(ask(asked, plan=COVERED)) == ["A4"]
    asked = referral()
    claim_of(asked)["supportingInfo"][0]["modifierExtension"] = [CANCELLED]
    assert actions(ask(asked, plan=COVERED)) == ["A4"]


def test_a_diagnosis_is_not_taken_for_a_condition(ask: Ask) -> None:
    asked = bundle_of([item(1, "AE", concept(CPT, "97161"), visits(6))])
    claim_of(asked)["diagnosis"] = [
        {"sequence": 1, "diagnosisCodeableConcept": concept("http://hl7.org/fhir/sid/icd-10-cm", "S72.001A")}
    ]
    assert actions(ask(asked, plan=COVERED)) == ["A4"]


def test_an_extension_is_pended_for_a_clinician(ask: Ask) -> None:
    result = ask(extension(quantity=visits(6)), plan=COVERED)
    assert actions(result) == ["A4"]
    assert response_in(result)["outcome"] == "complete"
    submission = pas.read(extension(quantity=visits(6)), plan=COVERED)
    assert submission.request == example("pt_extension") | {"request_id": "2026-03-1002"}


def test_the_answers_to_another_questionnaire_do_not_count(ask: Ask) -> None:
    asked = bundle_of([item(1, "AE", concept(CPT, "97110"), visits(6), "4")], [response_of(example("pt_referral"))])
    assert said(response_in(ask(asked, plan=COVERED))["item"][0])[:2] == ("A4", ["0U"])


def test_answers_that_do_not_say_whom_they_are_about_pend(ask: Ask) -> None:
    for asked in (referral(), extension()):
        del resource_of(asked, "QuestionnaireResponse")["subject"]
        result = ask(asked, plan=COVERED)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "do not say whom they are about" in notes(result)


def test_the_answers_to_the_questionnaire_of_another_plan_do_not_count(ask: Ask) -> None:
    ours = "https://therapy-policy.example/fhir"
    for base in (ours, f"{ours}/", None):
        assert actions(ask(referral(), plan=COVERED, base=base)) == ["A1"]
    for base in ("https://fhir.plan.example/r4", "https://therapy-policy.example"):
        result = ask(referral(), plan=COVERED, base=base)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "the plan's questionnaire pt-referral" in notes(result)
        assert response_in(result)["communicationRequest"]


@pytest.mark.parametrize(
    "quantity",
    [
        {"value": 6},
        {"value": 6, "unit": "units"},
        {"value": 6, "unit": "hours"},
        {"value": 6, "unit": "visits", "code": "UN"},
        {"value": 6, "system": f"{X12}/673", "code": "DY"},
        {"value": 6, "system": "https://codes.example", "code": "VS"},
        {"value": 6, "system": "http://unitsofmeasure.org", "code": "1"},
    ],
)
def test_a_quantity_that_does_not_say_visits_pends(ask: Ask, quantity: Json) -> None:
    result = ask(referral(quantity=quantity), plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert "does not say that it is a number of visits" in notes(result)


@pytest.mark.parametrize(
    "quantity",
    [
        {"value": 6, "code": "VS"},
        {"value": 6, "unit": "visit"},
        {"value": 6, "system": "http://codesystem.x12.org/005010/673", "code": "VS"},
        {"value": 6, "system": "http://unitsofmeasure.org", "code": "1", "unit": "Visits"},
    ],
)
def test_a_quantity_that_says_visits_is_taken(ask: Ask, quantity: Json) -> None:
    assert actions(ask(referral(quantity=quantity), plan=COVERED)) == ["A1"]


@pytest.mark.parametrize(
    ("quantity", "order", "note"),
    [
        (visits(6), {"quantityQuantity": visits(12)}, "different numbers"),
        (visits(6), {"occurrenceTiming": {"repeat": {"count": 12}}}, "another number of visits"),
        (None, {"occurrenceTiming": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk"}}}, "not calculated"),
        (visits(6), {"occurrenceTiming": {"repeat": {"count": 6, "countMax": 12}}}, "range"),
    ],
)
def test_an_order_that_says_something_else_than_the_item_pends(
    ask: Ask, quantity: Json | None, order: Json, note: str
) -> None:
    result = ask(with_order(referral(quantity=quantity), **order), plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert note in notes(result)


def test_an_order_that_says_the_same_as_the_item_changes_nothing(ask: Ask) -> None:
    order = {"quantityQuantity": visits(6), "occurrenceTiming": {"repeat": {"count": 6, "frequency": 2}}}
    assert actions(ask(with_order(referral(quantity=visits(6)), **order), plan=COVERED)) == ["A1"]


def test_an_extension_whose_item_and_answers_differ_pends(ask: Ask) -> None:
    result = ask(extension(quantity=visits(9)), plan=COVERED)
    assert "different numbers of visits" in notes(result)
    assert pas.read(extension(quantity=visits(9)), plan=COVERED).request is None


@pytest.mark.parametrize(
    ("events", "action"),
    [(["2026-03-12"] * 6, "A1"), (["2026-03-12"] * 12, "A4"), (["2026-03-12T08:00:00-10:00"] * 5, "A4"), ([], "A1")],
)
def test_the_dates_that_an_order_lists_are_as_many_as_the_visits(ask: Ask, events: list[str], action: str) -> None:
    asked = with_order(referral(quantity=visits(6)), occurrenceTiming={"event": events})
    assert actions(ask(asked, plan=COVERED)) == [action]


REFERRED, EXTENDED = "2026-03-03", "2026-03-25"  # the dates that the examples state


@pytest.mark.parametrize(
    "fields",
    [
        {"servicedDate": "2026-03-12"},
        {"servicedDate": REFERRED},
        {"servicedPeriod": {"start": REFERRED, "end": "2026-06-03"}},
        {"servicedPeriod": {"start": "2026-03-12T08:00:00-10:00"}},
    ],
)
def test_a_service_on_or_after_the_date_of_the_referral_is_decided(ask: Ask, fields: Json) -> None:
    assert actions(ask(referral(**fields), plan=COVERED)) == ["A1"]


@pytest.mark.parametrize(
    "fields",
    [
        {"servicedDate": "2021-01-01"},
        {"servicedDate": "2026-03-02"},
        {"servicedPeriod": {"start": "2019-01-01", "end": "2026-06-03"}},
    ],
)
def test_a_service_before_the_date_that_the_answers_state_pends(ask: Ask, fields: Json) -> None:
    for make, named in ((referral, "referral"), (extension, "request for an extension")):
        result = ask(make(**fields), plan=COVERED)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert f"before the date of the {named} that the answers state" in notes(result)


def test_a_claim_that_is_older_than_its_referral_pends(ask: Ask) -> None:
    for make, created in ((referral, "2026-03-02T23:00:00-10:00"), (extension, REFERRED)):
        asked = make()
        claim_of(asked)["created"] = created
        assert "before the date of the" in notes(ask(asked, plan=COVERED))


BEFORE = "2026-03-02"


@pytest.mark.parametrize(
    "order",
    [
        {"authoredOn": BEFORE},
        {"authoredOn": "2022-01-10T08:15:00-10:00"},
        {"occurrenceDateTime": BEFORE},
        {"occurrencePeriod": {"start": BEFORE, "end": "2026-06-03"}},
        {"occurrenceTiming": {"event": ["2026-03-12", BEFORE]}},
        {"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": BEFORE}}}},
    ],
)
def test_an_order_from_before_the_referral_pends(ask: Ask, order: Json) -> None:
    result = ask(with_order(referral(), **order), plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert "before the date of the referral" in notes(result)
    # An extension has the order of the referral, which is older.
    assert "before the date" not in notes(ask(with_order(extension(), **order), plan=COVERED))


def test_an_order_of_the_day_of_the_referral_is_decided(ask: Ask) -> None:
    order = {"authoredOn": REFERRED, "occurrencePeriod": {"start": REFERRED}}
    assert actions(ask(with_order(referral(), **order), plan=COVERED)) == ["A1"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"authoredOn": "2026-03"}, "authoredOn: expected a whole date"),
        ({"occurrenceDateTime": SECRET}, "occurrenceDateTime: expected a whole date"),
        ({"occurrencePeriod": {"end": REFERRED}}, "occurrencePeriod.start: is required"),
        ({"occurrenceTiming": {"event": [REFERRED, None]}}, "occurrenceTiming.event[1]: expected a whole date"),
        ({"occurrenceTiming": {"event": SECRET}}, "occurrenceTiming.event: expected a list"),
    ],
)
def test_what_is_no_date_of_an_order_is_refused(ask: Ask, order: Json, expected: str) -> None:
    assert expected in problem(ask(with_order(referral(), **order), plan=COVERED))


def test_a_bill_from_before_the_referral_pends(ask: Ask) -> None:
    asked = referral()
    claim_of(asked)["billablePeriod"] = {"start": "2022-01-01", "end": "2022-03-31"}
    assert "before the date of the referral" in notes(ask(asked, plan=COVERED))


@pytest.mark.parametrize("name", ["author", "source"])
@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/1"},
        {"reference": f"{BASE}/Patient/1/_history/2"},
        {"reference": "RelatedPerson/9"},
        {"reference": "urn:uuid:9"},
        {"reference": "#me"},
        {"type": "Patient", "identifier": {"value": "1"}},
        {"type": "RelatedPerson", "reference": "urn:uuid:10"},
    ],
)
def test_answers_that_no_clinician_gave_pend(ask: Ask, name: str, reference: Json) -> None:
    for asked in (referral(), extension()):
        response = resource_of(asked, "QuestionnaireResponse")
        response |= {name: reference, "contained": [{"resourceType": "Patient", "id": "me"}]}
        asked["entry"].append({"fullUrl": "urn:uuid:9", "resource": {"resourceType": "RelatedPerson"}})
        result = ask(asked, plan=COVERED)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "not from a clinician" in notes(result)


def test_answers_of_a_practitioner_are_decided(ask: Ask) -> None:
    for author in ("Practitioner/1", "https://ehr.example/Patient/fhir/Practitioner/3", "#me", "urn:uuid:9"):
        asked = referral()
        resource_of(asked, "QuestionnaireResponse").update(
            author={"reference": author},
            source={"identifier": {"value": "1"}},
            contained=[{"resourceType": "PractitionerRole", "id": "me"}, {"resourceType": "Patient", "id": "other"}],
        )
        assert actions(ask(asked, plan=COVERED)) == ["A1"]


@pytest.mark.parametrize("event", [{"timingDate": "2026-01-05"}, {"timingPeriod": {"start": "2026-01-05"}}])
def test_an_event_before_the_referral_pends(ask: Ask, event: Json) -> None:
    asked = referral()
    claim_of(asked)["supportingInfo"].append(
        {"sequence": 2, "category": concept(SUPPORTING_INFO, "patientEvent"), **event}
    )
    assert "before the date of the referral" in notes(ask(asked, plan=COVERED))
    claim_of(asked)["supportingInfo"][1]["modifierExtension"] = [CANCELLED]
    assert actions(ask(asked, plan=COVERED)) == ["A1"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"servicedDate": "nonsense"}, "servicedDate: expected a whole date"),
        ({"servicedDate": "2026-02-30"}, "servicedDate: expected a whole date"),
        ({"servicedDate": "2026-03"}, "servicedDate: expected a whole date"),
        ({"servicedDate": 20260303}, "servicedDate: expected a text"),
        ({"servicedPeriod": {"end": "2026-03-12"}}, "servicedPeriod.start: is required"),
        ({"servicedPeriod": {"start": "2026-03-12", "end": "2026-03-11"}}, "is before the start"),
        ({"servicedDate": "2026-03-12", "servicedPeriod": {"start": "2026-03-12"}}, "together with servicedDate"),
    ],
)
def test_what_is_no_date_of_physical_therapy_is_refused(ask: Ask, fields: Json, expected: str) -> None:
    for make in (referral, extension):
        assert expected in problem(ask(make(**fields), plan=COVERED))


@pytest.mark.parametrize("created", ["2019-99-99", "nonsense", "2026-03", "2026-02-29T08:00:00Z"])
def test_a_claim_whose_date_the_calendar_does_not_have_is_refused(ask: Ask, created: str) -> None:
    for asked in (referral(), extension(), ot_claim()):
        claim_of(asked)["created"] = created
        assert "created: expected a whole date" in problem(ask(asked, plan=OT_KNOWN))


def not_expected() -> Json:
    request = example("pt_referral")
    request["expected_improvement"]["functional"] = False
    return referral(request)


def test_a_denial_that_rests_on_a_clinician_is_held_for_a_person(ask: Ask) -> None:
    result = ask(not_expected(), plan=COVERED)
    assert said(response_in(result)["item"][0]) == ("A4", ["0V"], None)
    assert "until a person confirms it" in notes(result)
    assert "denied" not in notes(result)
    result = ask(not_expected(), plan=COVERED, hold_clinical_denials=False)
    assert actions(result) == ["A3"]


def test_no_note_of_a_held_claim_says_that_it_is_denied(ask: Ask) -> None:
    plan = replace(OT_KNOWN, medical_necessity="not_established")
    result = ask(ot_claim(), plan=plan)
    assert actions(result) == ["A4"] * 4
    assert "deni" not in notes(result).lower()
    assert "denied" in notes(ask(ot_claim(), plan=plan, hold_clinical_denials=False))


def test_a_denial_for_an_administrative_reason_is_not_held(ask: Ask) -> None:
    result = ask(referral(), plan=pas.PlanFacts(benefit_status="not_covered", authorization_number="AUTH-1"))
    assert said(response_in(result)["item"][0]) == ("A3", ["0M"], None)


def test_a_service_that_the_rules_do_not_cover_is_handed_on(ask: Ask) -> None:
    result = ask(referral(example("pt_referral") | {"specialty": "aqua_therapy"}), plan=COVERED)
    assert said(response_in(result)["item"][0]) == ("CT", [], None)


# --- occupational therapy


def test_each_item_of_a_claim_is_answered(ask: Ask) -> None:
    result = ask(ot_claim(), plan=OT_KNOWN)
    assert actions(result) == ["A1", "A6", "A1", "A3"]
    (added,) = response_in(result)["addItem"]
    assert added["itemSequence"] == [2]
    assert added["quantity"] == {"value": 1, "unit": "units", "system": f"{X12}/673", "code": "UN"}
    assert "The rest of what was requested is pended" in notes(result)
    submission = pas.read(ot_claim(), plan=OT_KNOWN)
    expected = example("pediatric_ot_claim") | {"request_id": "2026-03-1002"}
    for line in expected["service_lines"]:
        del line["modifiers"]
    assert submission.request == expected


def test_medical_necessity_that_nobody_stated_pends(ask: Ask) -> None:
    plan = replace(OT_KNOWN, medical_necessity=None)
    assert said(response_in(ask(ot_claim(("97530", 2)), plan=plan))["item"][0])[:2] == ("A4", ["0V"])


def notes_of(response: Json, at: int) -> list[str]:
    """The notes that an item refers to."""
    texts = {each["number"]: each["text"] for each in response["processNote"]}
    return [texts[number] for number in response["item"][at]["noteNumber"]]


def test_a_denied_line_of_a_claim_that_pends_says_why(ask: Ask) -> None:
    result = ask(ot_claim(("97530", 2), ("97140", 1)), plan=replace(OT_KNOWN, medical_necessity=None))
    response = response_in(result)
    assert [said(each)[:2] for each in response["item"]] == [("A4", ["0V"]), ("A3", ["0M"])]
    shared, own = notes_of(response, 0), notes_of(response, 1)
    assert own[:-1] == shared
    assert own[-1] == (
        "OT-3: This procedure code is not one of the 11 codes authorized for pediatric occupational therapy."
    )
    assert shared[0].startswith("A decision is pending, and a part of this is denied.")
    assert own[-1] in shared[0]  # for those who read only the text about the whole request


def test_each_line_has_the_notes_of_its_own_reasons_and_no_other(ask: Ask) -> None:
    response = response_in(ask(ot_claim(), plan=OT_KNOWN))
    numbers = [each["number"] for each in response["processNote"]]
    assert numbers == list(range(1, len(numbers) + 1))
    general = notes_of(response, 0)
    assert [notes_of(response, at)[len(general) :] for at in range(4)] == [
        [],
        ["PT-5: This line is over the visit's unit limit: 2 requested, 1 of 4 remaining for it."],
        [],
        ["OT-3: This procedure code is not one of the 11 codes authorized for pediatric occupational therapy."],
    ]
    twice = response_in(ask(ot_claim(("97140", 1), ("97141", 1)), plan=OT_KNOWN))
    assert twice["item"][0]["noteNumber"] == twice["item"][1]["noteNumber"] == [1, 2]


def test_no_note_of_a_line_says_why_it_is_denied_while_that_is_held(ask: Ask) -> None:
    result = ask(ot_claim(("97530", 2), ("97140", 1)), plan=replace(OT_KNOWN, medical_necessity="not_established"))
    assert actions(result) == ["A4", "A4"]
    assert "OT-3" not in notes(result)


def test_units_on_earlier_claims_that_are_not_known_pend(ask: Ask) -> None:
    plan = replace(OT_KNOWN, units_already_authorized=None)
    assert said(response_in(ask(ot_claim(("97530", 2)), plan=plan))["item"][0])[:2] == ("A4", ["0W"])


def test_occupational_therapy_that_nobody_called_pediatric_pends(ask: Ask) -> None:
    asked = ot_claim(("97140", 1))  # not listed: if it is pediatric, it is denied
    assert actions(ask(asked, plan=OT_KNOWN)) == ["A3"]
    resource_of(asked, "Patient")["birthDate"] = "1960-01-01"
    result = ask(asked, plan=replace(OT_KNOWN, pediatric=None))
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0W"])
    assert "whether the occupational therapy is pediatric" in notes(result)


@pytest.mark.parametrize("pediatric", ["false", "true", 0, 1])
def test_a_fact_of_the_plan_that_is_neither_true_nor_false_is_not_known(ask: Ask, pediatric: Any) -> None:
    assert actions(ask(ot_claim(("97530", 1)), plan=replace(OT_KNOWN, pediatric=pediatric))) == ["A4"]


@pytest.mark.parametrize(
    ("order", "action"),
    [
        ({"occurrenceDateTime": "2026-03-12T09:00:00-10:00"}, "A1"),
        ({"occurrencePeriod": {"start": "2026-01-01", "end": "2026-12-31"}}, "A1"),
        ({"occurrenceDateTime": "2025-01-01"}, "A4"),
        ({"occurrencePeriod": {"start": "2026-01-01", "end": "2026-03-11"}}, "A4"),
        ({"occurrenceTiming": {"event": ["2026-03-12"]}}, "A1"),
        ({"occurrenceTiming": {"event": ["2026-03-13"]}}, "A4"),
        ({"occurrenceDateTime": "2026-03-13T01:00:00Z"}, "A1"),  # in Hawaii, it is 15:00 on March 12
        ({"occurrenceDateTime": "2026-03-14T01:00:00Z"}, "A4"),
        ({"occurrencePeriod": {"start": "2026-03-13T01:00:00Z", "end": "2026-03-13T02:00:00Z"}}, "A1"),
    ],
)
def test_the_order_of_a_visit_must_be_for_its_day(ask: Ask, order: Json, action: str) -> None:
    asked = with_order(ot_claim(("97530", 1)), code=concept(f"{X12}/1365", "AD"), **order)
    assert actions(ask(asked, plan=OT_KNOWN)) == [action]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_of_the_calendar_have_an_answer(ask: Ask, day: str) -> None:
    order = {"code": concept(f"{X12}/1365", "AD"), "occurrenceDateTime": f"{day}T12:00:00Z"}
    asked = with_order(ot_claim(("97530", 1)), **order)
    item_of(asked)["servicedDate"] = day
    assert "service_date" in problem(ask(asked, plan=OT_KNOWN))


def test_a_visit_that_is_one_of_those_of_its_order_is_not_on_another_day(ask: Ask) -> None:
    timing = {"event": ["2026-03-12", "2026-03-19"]}
    asked = with_order(ot_claim(("97530", 1)), code=concept(f"{X12}/1365", "AD"), occurrenceTiming=timing)
    result = ask(asked, plan=OT_KNOWN)
    assert "a schedule of visits" in notes(result)
    assert "another day" not in notes(result)


def test_no_request_has_the_id_of_a_question_about_an_order(ask: Ask) -> None:
    asked = referral()
    claim_of(asked)["identifier"] = [{"value": "crd-question"}, {"value": "2026-03-1002"}]
    submission = pas.read(asked, plan=COVERED)
    assert submission.request is not None
    assert submission.request["request_id"] == "2026-03-1002"


def test_occupational_therapy_of_adults_is_handed_on(ask: Ask) -> None:
    assert "only pediatric occupational therapy" in problem(ask(ot_claim(), plan=replace(OT_KNOWN, pediatric=False)))


def test_a_canceled_item_is_not_decided(ask: Ask) -> None:
    asked = ot_claim(("97530", 2), ("97140", 1))
    item_of(asked, 1)["modifierExtension"] = [CANCELLED]
    response = response_in(ask(asked, plan=OT_KNOWN))
    assert [each["itemSequence"] for each in response["item"]] == [1]


def test_modifiers_and_sequences_are_those_of_the_claim(ask: Ask) -> None:
    asked = ot_claim(("97530", 2))
    item_of(asked)["sequence"] = 7
    item_of(asked)["modifier"] = [concept(CPT, "GO")]
    item_of(asked)["extension"].append(
        {"url": f"{PAS}/extension-itemTraceNumber", "valueIdentifier": {"system": "https://a.example", "value": "9"}}
    )
    (answered,) = response_in(ask(asked, plan=OT_KNOWN))["item"]
    assert answered["itemSequence"] == 7
    assert answered["extension"][0]["valueIdentifier"] == {"system": "https://a.example", "value": "9"}
    submission = pas.read(asked, plan=OT_KNOWN)
    assert submission.request is not None
    assert submission.request["service_lines"] == [{"procedure_code": "97530", "units": 2, "modifiers": ["GO"]}]


def test_the_numbers_of_earlier_answers_are_repeated(ask: Ask) -> None:
    asked = referral()
    numbers = [
        {"url": f"{PAS}/extension-{name}", "valueString": f"{name}-1"}
        for name in ("authorizationNumber", "administrationReferenceNumber")
    ]
    item_of(asked)["extension"] += numbers
    assert response_in(ask(asked, plan=COVERED))["item"][0]["extension"] == numbers
    item_of(asked)["extension"].append(numbers[0])
    assert "the same extension twice" in problem(ask(asked, answer=never, plan=COVERED))
    item_of(asked)["extension"][-1:] = [{"url": f"{PAS}/extension-itemTraceNumber"}]
    assert "valueIdentifier: is required" in problem(ask(asked, answer=never, plan=COVERED))


def never(request: Json) -> Json:
    raise AssertionError("the engine was asked")


def test_what_is_added_names_the_procedure_and_its_modifiers(ask: Ask) -> None:
    asked = ot_claim(("97530", 5))
    product = {"coding": [{"system": "https://clinic.example/services", "code": SECRET}]}
    item_of(asked)["productOrService"] = {
        "coding": [*product["coding"], *concept(f"{X12}/1365", "AD")["coding"], *concept(CPT, "97530")["coding"]]
    }
    item_of(asked)["modifier"] = [concept(CPT, "GO") | {"text": SECRET}]
    (added,) = response_in(ask(asked, plan=OT_KNOWN))["addItem"]
    assert added["productOrService"] == concept(CPT, "97530")
    assert added["modifier"] == [concept(CPT, "GO")]


@pytest.mark.parametrize("quantity", [None, {"value": 2}, visits(2)])
def test_a_line_whose_quantity_does_not_say_units_pends(ask: Ask, quantity: Json | None) -> None:
    asked = bundle_of([item(1, "AD", concept(CPT, "97530"), quantity, servicedDate="2026-03-12")])
    assert said(response_in(ask(asked, plan=OT_KNOWN))["item"][0])[:2] == ("A4", ["0U"])


def test_a_schedule_of_visits_pends(ask: Ask) -> None:
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk"}}
    asked = with_order(ot_claim(("97530", 2)), code=concept(f"{X12}/1365", "AD"), occurrenceTiming=timing)
    assert "is about one visit" in notes(ask(asked, plan=OT_KNOWN))


def test_the_date_of_the_claim_is_that_of_a_visit_without_one() -> None:
    asked = ot_claim(("97530", 2))
    del item_of(asked)["servicedDate"]
    submission = pas.read(asked, plan=OT_KNOWN)
    assert submission.request is not None
    assert submission.request["service_date"] == "2026-03-03"


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2026-03-12", "end": "2026-03-12"},
        {"start": "2026-03-12T08:00:00-10:00", "end": "2026-03-12T09:00:00-10:00"},
    ],
)
def test_a_period_of_one_day_is_its_date(period: Json) -> None:
    asked = ot_claim(("97530", 2))
    del item_of(asked)["servicedDate"]
    item_of(asked)["servicedPeriod"] = period
    submission = pas.read(asked, plan=OT_KNOWN)
    assert submission.request is not None
    assert submission.request["service_date"] == "2026-03-12"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"servicedDate": "2026-03-12", "servicedPeriod": {}}, "together with servicedDate"),
        ({"servicedPeriod": {}}, "servicedPeriod.start: is required"),
        ({"servicedPeriod": {"end": "2026-03-12"}}, "servicedPeriod.start: is required"),
        ({"servicedPeriod": {"start": "2026-03-12"}}, "servicedPeriod.end: is required"),
        ({"servicedPeriod": {"start": "2026-03", "end": "2026-03"}}, "servicedPeriod.start: expected a whole date"),
        (
            {"servicedPeriod": {"start": "2026-03-12T23:00:00Z", "end": "2026-03-13T00:00:00Z"}},
            "the items of one visit",
        ),
        ({"servicedDate": "2026"}, "servicedDate: expected a whole date"),
    ],
)
def test_dates_that_are_not_clear_are_refused(ask: Ask, fields: Json, expected: str) -> None:
    asked = ot_claim(("97530", 2))
    del item_of(asked)["servicedDate"]
    item_of(asked).update(fields)
    assert expected in problem(ask(asked, plan=OT_KNOWN))


# --- the versions of the guide


@pytest.mark.parametrize(
    ("stated", "version", "outcome"),
    [
        ("|2.0.1", "2.0.1", "queued"),
        ("|2.2.1", "2.2.1", "complete"),
        ("|2.2.0", "2.2.1", "complete"),
        ("", "2.2.1", "complete"),
    ],
)
@pytest.mark.parametrize("on_bundle", [True, False])
def test_the_answer_is_in_the_version_of_the_request(
    ask: Ask, stated: str, version: str, outcome: str, on_bundle: bool
) -> None:
    asked = referral()
    if on_bundle:
        asked["meta"] = {"profile": [f"{PAS}/profile-pas-request-bundle{stated}"]}
    else:
        claim_of(asked)["meta"] = {"profile": ["https://other.example/profile", f"{PAS}/profile-claim{stated}"]}
    result = ask(asked)
    response = response_in(result)
    assert response["outcome"] == outcome
    assert response["meta"]["profile"] == [f"{PAS}/profile-claimresponse|{version}"]
    reviewed = [each for each in response.get("extension", []) if "claimResponseReviewer" in each["url"]]
    assert len(reviewed) == (version == "2.2.1")
    assert response_in(ask(asked, plan=COVERED))["outcome"] == "complete"


def test_a_version_that_is_not_stated_is_that_of_the_deployment(ask: Ask) -> None:
    assert response_in(ask(referral(), version="2.0.1"))["outcome"] == "queued"


def test_both_schemes_of_x12_are_read_and_one_is_written(ask: Ask) -> None:
    old = fhir.loads(
        fhir.dumps(referral(quantity=visits(12))).replace("https://codesystem.x12", "http://codesystem.x12")
    )
    result = ask(old, plan=COVERED)
    assert actions(result) == ["A6"]
    assert "http://codesystem.x12.org" not in fhir.dumps(result.body)


@pytest.mark.parametrize(
    ("change", "expedited"),
    [
        ({}, False),
        ({"priority": concept("http://terminology.hl7.org/CodeSystem/processpriority", "stat")}, True),
        (
            {
                "extension": [
                    {"url": f"{PAS}/extension-levelOfServiceCode", "valueCodeableConcept": concept(f"{X12}/1338", "U")}
                ]
            },
            True,
        ),
    ],
)
def test_an_expedited_request_is_told(ask: Ask, change: Json, expedited: bool) -> None:
    asked = referral()
    claim_of(asked).update(change)
    assert ask(asked).expedited is expedited


@pytest.mark.parametrize(("priority", "expedited"), [("stat", True), ("routine", False), ("urgent", False)])
def test_an_order_that_is_needed_at_once_is_expedited(ask: Ask, priority: str, expedited: bool) -> None:
    assert ask(with_order(referral(), priority=priority)).expedited is expedited


# --- what is never decided


def changed(asked: Json, change: Callable[[Json], Any]) -> Json:
    change(asked)
    return asked


def with_referral(asked: Json, **fields: Any) -> Json:
    """The Bundle with an order that is the referral of the Claim, and not of an item."""
    item_of(with_order(asked, **fields))["extension"].pop()
    claim_of(asked)["referral"] = {"reference": "ServiceRequest/1"}
    return asked


@pytest.mark.parametrize(
    "fields",
    [{}, {"status": "completed"}, {"intent": "original-order"}, {"subject": {"reference": "Patient/elsewhere"}}],
)
def test_a_referral_that_is_over_or_that_another_order_made_is_taken(ask: Ask, fields: Json) -> None:
    assert actions(ask(with_referral(referral(), **fields), plan=COVERED)) == ["A1"]


REFUSED: dict[str, tuple[Callable[[Json], Any], str]] = {
    "not a collection": (lambda b: b.update(type="batch"), "Bundle.type: expected collection"),
    "no type": (lambda b: b.pop("type"), "Bundle.type: is required"),
    "no entries": (lambda b: b.update(entry=[]), "Bundle.entry: is required"),
    "not a Claim first": (lambda b: b["entry"].reverse(), "expected a Claim"),
    "a claim for payment": (lambda b: claim_of(b).update(use="claim"), "use: expected preauthorization"),
    "a draft": (lambda b: claim_of(b).update(status="draft"), "status: expected active"),
    "no insurer": (lambda b: claim_of(b).pop("insurer"), "insurer: is required"),
    "an insurer that is missing": (lambda b: b["entry"].pop(2), "not in the Bundle"),
    "an insurer who is a person": (
        lambda b: claim_of(b).update(insurer={"reference": "Patient/1"}),
        "insurer: expected a reference to a resource of the type Organization",
    ),
    "no provider": (lambda b: claim_of(b).pop("provider"), "provider: is required"),
    "a provider that is missing": (lambda b: b["entry"].pop(3), "not in the Bundle"),
    "a provider who is the patient": (
        lambda b: claim_of(b).update(provider={"reference": "Patient/1"}),
        "provider: expected a reference to a resource of the type Organization or Practitioner or PractitionerRole",
    ),
    "no patient": (lambda b: claim_of(b).pop("patient"), "patient: is required"),
    "no insurance": (lambda b: claim_of(b).pop("insurance"), "insurance: is required"),
    "no date": (lambda b: claim_of(b).pop("created"), "created: is required"),
    "no type of claim": (lambda b: claim_of(b).pop("type"), "type: is required"),
    "no item": (lambda b: claim_of(b).pop("item"), "item: is required"),
    "no service": (lambda b: item_of(b).pop("productOrService"), "productOrService: is required"),
    "no sequence": (lambda b: item_of(b).pop("sequence"), "sequence: is required"),
    "the same sequence twice": (lambda b: claim_of(b)["item"].append(item_of(b)), "is the sequence of another item"),
    "only canceled items": (
        lambda b: item_of(b).update(modifierExtension=[CANCELLED]),
        "only canceled items",
    ),
    "a patient that is missing": (
        lambda b: claim_of(b).update(patient={"reference": f"Patient/{SECRET}"}),
        "not in the Bundle",
    ),
    "a patient who is an organization": (
        lambda b: claim_of(b).update(patient={"reference": "Organization/plan"}),
        "expected a reference to a resource of the type Patient",
    ),
    "a Coverage that is missing": (
        lambda b: claim_of(b)["insurance"][0].update(coverage={"reference": "Coverage/2"}),
        "not in the Bundle",
    ),
    "a canceled Coverage": (lambda b: resource_of(b, "Coverage").update(status="cancelled"), "expected active"),
    "the Coverage of another person": (
        lambda b: (
            b["entry"].append(entry("Patient", "2")),
            resource_of(b, "Coverage").update(beneficiary={"reference": "Patient/2"}),
        ),
        "expected the patient of the Claim",
    ),
    "no focal insurance": (lambda b: claim_of(b)["insurance"][0].update(focal=False), "one insurance that is focal"),
    "the same fullUrl twice": (lambda b: b["entry"].append(b["entry"][1]), "the same fullUrl twice"),
    "an update": (lambda b: claim_of(b).update(related=[{}]), "an update of an earlier request"),
    "a cancellation": (
        lambda b: claim_of(b).update(extension=[{"url": f"{PAS}/extension-certificationType"}]),
        "a request to cancel",
    ),
    "an inquiry": (
        lambda b: claim_of(b).update(meta={"profile": [f"{PAS}/profile-claim-inquiry"]}),
        "only new requests",
    ),
    "a version that is not supported": (
        lambda b: b.update(meta={"profile": [f"{PAS}/profile-pas-request-bundle|1.1.0"]}),
        "expected one of 2.0.0",
    ),
    "two versions": (
        lambda b: (
            b.update(meta={"profile": [f"{PAS}/profile-pas-request-bundle|2.0.1"]}),
            claim_of(b).update(meta={"profile": [f"{PAS}/profile-claim|2.2.1"]}),
        ),
        "another version",
    ),
    "another service": (
        lambda b: item_of(b).update(category=concept(f"{X12}/1365", "42")),
        "only occupational therapy (AD) and physical therapy (AE)",
    ),
    "a service that is not classified": (lambda b: item_of(b).pop("category"), "only occupational therapy (AD)"),
    "a service of two kinds": (
        lambda b: item_of(b).update(productOrService=concept(f"{X12}/1365", "AD")),
        "separate requests",
    ),
    "an order of the other discipline": (
        lambda b: with_order(b, code=concept(f"{X12}/1365", "AD")),
        "separate requests",
    ),
    "an order of another procedure": (lambda b: with_order(b, code=concept(CPT, "97110")), "another procedure"),
    "an order that is missing": (
        lambda b: (with_order(b), b["entry"].pop()),
        "not in the Bundle",
    ),
    "a revoked order": (lambda b: with_order(b, status="revoked"), "status: expected active"),
    "a proposal": (lambda b: with_order(b, intent="proposal"), "intent: expected order"),
    "an order without an intent": (lambda b: with_order(b, intent=None), "intent: is required"),
    "a referral that is revoked": (
        lambda b: with_referral(b, status="revoked"),
        "referral: is an order that is not in",
    ),
    "a referral not to": (lambda b: with_referral(b, doNotPerform=True), "referral: is an order that is not in force"),
    "a referral of somebody else": (
        lambda b: (b["entry"].append(entry("Patient", "2")), with_referral(b, subject={"reference": "Patient/2"})),
        "referral: is an order for another person",
    ),
    "another Claim": (lambda b: b["entry"].append(entry("Claim", "2")), "has another Claim"),
    "an order not to": (lambda b: with_order(b, doNotPerform=True), "not to provide"),
    "an order for somebody else": (
        lambda b: (b["entry"].append(entry("Patient", "2")), with_order(b, subject={"reference": "Patient/2"})),
        "expected the patient of the Claim",
    ),
    "a range of codes": (
        lambda b: item_of(b)["extension"].append({"url": f"{PAS}/extension-productOrServiceCodeEnd"}),
        "one service for each item",
    ),
    "a modifier that changes the meaning": (
        lambda b: item_of(b).update(modifierExtension=[{"url": "https://a.example/not", "valueBoolean": True}]),
        "not understood",
    ),
    "implicit rules": (
        lambda b: claim_of(b).update(implicitRules="https://a.example"),
        "not understood",
    ),
    "answers about somebody else": (
        lambda b: (
            b["entry"].append(entry("Patient", "2")),
            resource_of(b, "QuestionnaireResponse").update(subject={"reference": "Patient/2"}),
        ),
        "expected the patient of the Claim",
    ),
    "answers that are not complete": (
        lambda b: resource_of(b, "QuestionnaireResponse").update(status="in-progress"),
        "status: expected completed or amended",
    ),
    "half a visit": (lambda b: item_of(b).update(quantity=visits(5.5)), "quantity.value: expected a whole number"),
    "a huge number of visits": (lambda b: item_of(b).update(quantity=visits(10**400)), "expected a whole number"),
    "true visits": (lambda b: item_of(b).update(quantity=visits(True)), "expected a whole number"),
    "less than a number": (
        lambda b: item_of(b).update(quantity=visits(6) | {"comparator": "<"}),
        "expected an exact number",
    ),
    "content that is nested too deep": (
        lambda b: b["entry"].append(json.loads('{"a":' * 200 + "1" + "}" * 200)),
        "not nested too deep",
    ),
    "NaN": (lambda b: item_of(b).update(quantity=visits(float("nan"))), "without NaN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_decided_is_refused(ask: Ask, name: str) -> None:
    change, expected = REFUSED[name]
    asked = referral()
    resource_of(asked, "Patient")["name"] = [{"family": SECRET}]
    assert expected in problem(ask(changed(asked, change), plan=COVERED))


@pytest.mark.parametrize("certification", ["S", "R", "3", "1", "2", SECRET])
def test_what_is_neither_initial_nor_an_extension_is_handed_on(ask: Ask, certification: str) -> None:
    asked = bundle_of([item(1, "AE", concept(CPT, "97161"), visits(6), certification)])
    assert "hand the request on" in problem(ask(asked, plan=COVERED))


# What the examples of the guide and the fixtures of its test kit (Inferno) ask for: all of them were tried.
@pytest.mark.parametrize("service_type", ["1", "2", "3", "42"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_services_of_the_public_examples_are_handed_on(ask: Ask, service_type: str, scheme: str) -> None:
    asked = bundle_of(
        [item(1, service_type, concept(f"{scheme}://codesystem.x12.org/005010/1365", service_type), None)]
    )
    assert "hand the request on" in problem(ask(asked, plan=OT_KNOWN))
    del item_of(asked)["category"]
    assert "hand the request on" in problem(ask(asked, plan=OT_KNOWN))


def test_two_dates_of_one_visit_are_refused(ask: Ask) -> None:
    asked = ot_claim(("97530", 1), ("97112", 1))
    item_of(asked, 1)["servicedDate"] = "2026-03-13"
    assert "the items of one visit" in problem(ask(asked, plan=OT_KNOWN))
    del item_of(asked, 1)["servicedDate"]
    assert "the items of one visit" in problem(ask(asked, plan=OT_KNOWN))


def test_physical_and_occupational_therapy_in_one_claim_are_refused(ask: Ask) -> None:
    asked = bundle_of([item(1, "AE", concept(CPT, "97161"), None), item(2, "AD", concept(CPT, "97530"), units(1))])
    assert "separate requests" in problem(ask(asked, plan=OT_KNOWN))


def test_what_the_policy_finds_invalid_is_refused(ask: Ask) -> None:
    assert "/service_lines/0/units" in problem(ask(ot_claim(("97530", 200)), plan=OT_KNOWN))
    assert "/service_lines/0/procedure_code" in problem(ask(ot_claim((SECRET, 1)), plan=OT_KNOWN))


def test_an_error_in_the_answers_names_the_question(ask: Ask) -> None:
    asked = referral()
    resource_of(asked, "QuestionnaireResponse")["item"][0]["answer"] = [{"valueString": SECRET}]
    told = problem(ask(asked, plan=COVERED))
    assert told.startswith("Bundle.entry[5].resource.item[0]")
    assert "/referral_date" in told


@pytest.mark.parametrize("value", [None, 1, "Bundle", [], {}, {"resourceType": "Bundle"}, float("inf"), object])
def test_what_is_no_bundle_is_refused(ask: Ask, value: Any) -> None:
    problem(ask(value))


def test_a_time_without_a_time_zone_is_the_callers_mistake(ask: Ask) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ask(referral(), received_at=RECEIVED.replace(tzinfo=None))


@pytest.mark.parametrize(
    "wrong", [{"action": "A3"}, {"action": "A6", "granted": {"visits": 0}}, {"action": "A2"}, {"action": None}]
)
def test_an_answer_that_contradicts_itself_is_not_sent(ask: Ask, wrong: Json) -> None:
    def answer(request: Json) -> Json:
        answered = ask.keywords["answer"](request)  # type: ignore[attr-defined]
        return {**answered, "answer": answered["answer"] | wrong}

    with pytest.raises(EngineError):
        ask(referral(), answer=answer, plan=COVERED)


# --- the form of the answer

INVARIANTS = {
    "the first resource is the ClaimResponse": "entry.first().resource is ClaimResponse",
    "a Bundle has all that it needs": "identifier.exists() and timestamp.exists() and type = 'collection'",
    "the request, patient and insurer are named": (
        "entry.first().resource.select(request.exists() and patient.exists() and insurer.exists()).allTrue()"
    ),
    "each item has one review action": (
        "entry.first().resource.item.all(adjudication.extension.where(url.endsWith('reviewAction')).count() = 1)"
    ),
    "a modified item says what is authorized": (
        "entry.first().resource.item.where(adjudication.extension.extension.value.coding.where("
        "code = 'A6').exists()).all(extension.where(url.endsWith('itemAuthorizedDetail')).exists() or "
        "itemSequence.subsetOf(%context.entry.first().resource.addItem.itemSequence))"
    ),
    "each note has a number": "entry.first().resource.processNote.all(number.exists() and text.exists())",
    "a document that is requested by other means than voice has an identifier": (
        "entry.resource.where($this is CommunicationRequest).all(medium.coding.where(code='VO').count() = 0 "
        "implies identifier.count() > 0)"
    ),
    "each resource is there once": "entry.fullUrl.isDistinct()",
}

BUNDLES: dict[str, tuple[Callable[[], Json], pas.PlanFacts]] = {
    "certified": (referral, COVERED),
    "modified": (lambda: referral(quantity=visits(12)), COVERED),
    "pended": (referral, pas.PlanFacts()),
    "pended without answers": (lambda: bundle_of([item(1, "AE", concept(CPT, "97161"), None)]), COVERED),
    "denied": (referral, pas.PlanFacts(benefit_status="not_covered")),
    "held": (not_expected, COVERED),
    "extension": (extension, COVERED),
    "handed on": (lambda: referral(example("pt_referral") | {"specialty": "pediatric"}), COVERED),
    "a claim with all kinds of lines": (ot_claim, OT_KNOWN),
}
WAITING = ("pended", "pended without answers", "held", "extension", "a claim with all kinds of lines")


@pytest.mark.parametrize("version", ["2.0.1", "2.2.1"])
@pytest.mark.parametrize("name", BUNDLES)
def test_every_answer_meets_fhir_and_the_guide(ask: Ask, name: str, version: pas.Version) -> None:
    make, plan = BUNDLES[name]
    result = ask(make(), plan=plan, version=version)
    body = fhir.loads(fhir.dumps(result.body))
    Bundle(**body)
    for invariant, expression in INVARIANTS.items():
        assert fhirpathpy.evaluate(body, expression, {}) == [True], invariant
    response = response_in(result)
    urls = {each["fullUrl"] for each in body["entry"]}
    for reference in (response["patient"], response["insurer"], response["requestor"]):
        assert reference["reference"] in urls
    assert response["request"] == {"reference": f"{BASE}/Claim/1"}
    assert response["outcome"] == ("queued" if version == "2.0.1" and name in WAITING else "complete")
    assert "display" not in fhir.dumps(response)


def test_the_same_request_at_the_same_time_has_the_same_answer(ask: Ask) -> None:
    first, again = ask(referral(), plan=COVERED), ask(copy.deepcopy(referral()), plan=COVERED)
    assert first == again
    later = ask(referral(), plan=COVERED, received_at=RECEIVED.replace(hour=11))
    assert later.body["identifier"] != first.body["identifier"]


def test_what_is_sent_back_is_as_it_came(ask: Ask) -> None:
    asked = referral()
    resource_of(asked, "Patient")["extension"] = [{"url": "https://a.example", "valueDecimal": "@"}]
    text = fhir.dumps(asked).replace('"@"', "1.10")
    result = ask(fhir.loads(text), plan=COVERED)
    assert '"valueDecimal":1.10}' in fhir.dumps(result.body)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1, "a": 1}', "[" * 200 + "]" * 200, "{", "1" * 5000, "1e9999999999999999999"]
)
def test_text_that_is_not_one_json_value_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        fhir.loads(text)
