"""PAS: only outpatient physical therapy is decided as physical therapy, whatever service type an item states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.crd_requests import SNOMED, TAXONOMY
from tests.interop.pas_bundles import (
    COVERED,
    CPT,
    OT_KNOWN,
    PAS,
    SECRET,
    X12,
    Ask,
    Json,
    actions,
    bundle_of,
    claim_of,
    concept,
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
    visits,
    with_order,
)

HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
TYPE_OF_BILL = "https://www.nubc.org/CodeSystem/TypeOfBill"
AE = (f"{X12}/1365", "AE")
UNKNOWN = ("https://clinic.example/services", SECRET)


def coded(*codes: tuple[str, str]) -> Json:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def billed(*codes: tuple[str, str]) -> Json:
    """A concept of physical therapy that can be billed with each of these codes."""
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
    options = [{"url": url, "valueCodeableConcept": coded(each)} for each in codes]
    return {**coded(AE), "extension": options}


# --- the codes of an item for physical therapy


@pytest.mark.parametrize(
    "codes",
    [
        [(CPT, "97161")],
        [(HCPCS, "97164")],
        [(HCPCS.replace("http:", "https:"), "97110")],
        [(CPT, "97110:GP")],
        [(CPT, "97140:GP")],
        [(HCPCS, "G0283:GP")],
        [(CPT, "97530"), AE],
        [(UNKNOWN), (CPT, "97161")],
        [UNKNOWN, AE],
        [(SNOMED, "91251008")],
        [AE],
    ],
)
def test_codes_of_physical_therapy_are_decided(ask: Ask, codes: list[tuple[str, str]]) -> None:
    result = ask(referral(quantity=visits(12), productOrService=coded(*codes)), plan=COVERED)
    assert actions(result) == ["A6"]
    (added,) = response_in(result)["addItem"]
    assert added["productOrService"] == coded(next(each for each in codes if each != UNKNOWN))


@pytest.mark.parametrize("make", [referral, extension])
@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([(CPT, "27447")], "not one of physical therapy"),
        ([(HCPCS, "27447")], "not one of physical therapy"),
        ([(HCPCS.replace("http:", "https:"), "27447"), AE], "not one of physical therapy"),
        ([(CPT, SECRET)], "not one of physical therapy"),
        ([(CPT, "27447:GP")], "not one of physical therapy"),
        ([(CPT, "92526")], "not one of physical therapy"),
        ([(CPT, "97810")], "not one of physical therapy"),
        ([(CPT, "9714\u0660")], "not one of physical therapy"),
        ([(CPT, "97165")], "a code of the other"),
        ([(CPT, "97161"), (CPT, "97165")], "a code of the other"),
        ([(CPT, "97110:GO")], "a code of the other"),
        ([(CPT, "97110"), (SNOMED, "84478008")], "a code of the other"),
        ([(CPT, "97161"), (TAXONOMY, "225X00000X")], "a code of the other"),
        ([(CPT, "97161"), (CPT, "97110")], "expected one procedure code"),
        ([(CPT, "97161"), (HCPCS, "97110")], "expected one procedure code"),
        ([UNKNOWN], "has no code that is known"),
        ([("urn:oid:2.16.840.1.113883.6.12", "97161")], "has no code that is known"),
        ([(SNOMED, "179344001")], "has no code that is known"),
    ],
)
def test_codes_of_another_service_are_handed_on(
    ask: Ask, make: Callable[..., Json], codes: list[tuple[str, str]], expected: str
) -> None:
    told = problem(ask(make(productOrService=coded(*codes)), plan=COVERED))
    assert expected in told
    assert "hand the request on" in told


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"code": concept(CPT, "27447")}, "not one of physical therapy"),
        ({"code": concept(CPT, "97165")}, "a code of the other"),
        ({"code": coded(UNKNOWN)}, "has no code that is known"),
        ({"category": [concept(SNOMED, "84478008")]}, "a code of the other"),
        ({"performerType": concept(TAXONOMY, "225X00000X")}, "a code of the other"),
        ({"orderDetail": [concept(CPT, "97165")]}, "a code of the other"),
        ({"code": billed((CPT, "97165"))}, "a code of the other"),
    ],
)
def test_the_codes_of_the_order_count_too(ask: Ask, order: Json, expected: str) -> None:
    asked = with_order(referral(productOrService=coded(AE)), **order)
    assert expected in problem(ask(asked, plan=COVERED))


def test_an_order_that_can_be_billed_with_several_codes_is_decided(ask: Ask) -> None:
    asked = with_order(referral(), code=billed((CPT, "97161"), (CPT, "97162"), (CPT, "97163")))
    assert actions(ask(asked, plan=COVERED)) == ["A1"]


@pytest.mark.parametrize("end", [{"valueCodeableConcept": concept(CPT, "97799")}, {}])
def test_a_range_of_procedures_of_the_order_is_handed_on(ask: Ask, end: Json) -> None:
    for asked, plan in ((referral(), COVERED), (ot_claim(("97530", 1)), OT_KNOWN)):
        service_type = concept(f"{X12}/1365", "AE" if plan is COVERED else "AD")
        ordered = with_order(
            asked, code=service_type, extension=[{"url": f"{PAS}/extension-productOrServiceCodeEnd", **end}]
        )
        assert "expected one service" in problem(ask(ordered, plan=plan))


@pytest.mark.parametrize(
    ("code", "expected"), [("225X00000X", "a code of the other"), ("235Z00000X", "speech-language")]
)
def test_a_care_team_of_another_therapy_is_handed_on(ask: Ask, code: str, expected: str) -> None:
    asked = referral()
    member: Json = {
        "sequence": 2,
        "provider": {"reference": "Organization/clinic"},
        "qualification": concept(TAXONOMY, code),
    }
    claim_of(asked)["careTeam"] = [member]
    assert expected in problem(ask(asked, plan=COVERED))
    item_of(asked)["careTeamSequence"] = [2]
    assert expected in problem(ask(asked, plan=COVERED))
    item_of(asked)["careTeamSequence"] = [1]  # somebody else provides this item
    assert actions(ask(asked, plan=COVERED)) == ["A1"]
    for of_all, action in ((True, None), (False, "A1")):  # unless the member provides all of them
        member["extension"] = [{"url": f"{PAS}/extension-careTeamClaimScope", "valueBoolean": of_all}]
        result = ask(asked, plan=COVERED)
        assert actions(result) == [action] if action else expected in problem(result)
    del item_of(asked)["careTeamSequence"]
    member["modifierExtension"] = [{"url": f"{PAS}/extension-infoCancelled", "valueBoolean": True}]
    assert actions(ask(asked, plan=COVERED)) == ["A1"]


def test_the_modifier_of_another_therapy_is_handed_on(ask: Ask) -> None:
    assert actions(ask(referral(modifier=[concept(CPT, "GP")]), plan=COVERED)) == ["A1"]
    assert "a code of the other" in problem(ask(referral(modifier=[concept(CPT, "GO")]), plan=COVERED))
    asked = ot_claim(("97530", 1))
    item_of(asked)["modifier"] = [concept(HCPCS, "GP")]
    assert "a code of the other" in problem(ask(asked, plan=OT_KNOWN))


SPEECH = "a code of speech-language therapy"


@pytest.mark.parametrize("system", [CPT, HCPCS])
def test_the_modifier_of_speech_language_therapy_is_handed_on(ask: Ask, system: str) -> None:
    for modifiers in (["GN"], ["GP", "GN"]):
        stated = [concept(system, each) for each in modifiers]
        assert SPEECH in problem(ask(referral(modifier=stated), plan=COVERED))
        assert SPEECH in problem(ask(extension(modifier=stated), plan=COVERED))
    asked = ot_claim(("97530", 1))
    item_of(asked)["modifier"] = [concept(system, "GN")]
    assert SPEECH in problem(ask(asked, plan=OT_KNOWN))
    asked = ot_claim(("97530:GN", 1))
    assert SPEECH in problem(ask(asked, plan=OT_KNOWN))


def test_other_codes_of_speech_language_therapy_are_handed_on_too(ask: Ask) -> None:
    assert SPEECH in problem(ask(ot_claim(("92523", 1)), plan=OT_KNOWN))
    assert SPEECH in problem(ask(referral(productOrService=concept(CPT, "92521")), plan=COVERED))
    for order in (
        {"category": [concept(f"{X12}/1365", "AF")]},
        {"performerType": concept(TAXONOMY, "235Z00000X")},
    ):
        assert SPEECH in problem(ask(with_order(referral(), **order), plan=COVERED))


def test_an_evaluation_of_physical_therapy_is_not_denied_as_occupational_therapy(ask: Ask) -> None:
    assert "a code of the other" in problem(ask(ot_claim(("97161", 1)), plan=OT_KNOWN))


@pytest.mark.parametrize("code", ["97140", "97116", "97150", "97035", "97012", "97010", "97129", "97130", "G0283"])
def test_a_code_that_other_therapies_use_too_pends_without_their_modifier(ask: Ask, code: str) -> None:
    for system in (CPT, HCPCS):
        result = ask(referral(productOrService=concept(system, code)), plan=COVERED)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "not one that is known here as physical therapy" in notes(result)
    modified = referral(productOrService=concept(HCPCS, code), modifier=[concept(HCPCS, "GP")])
    assert actions(ask(modified, plan=COVERED)) == ["A1"]
    of_another = referral(productOrService=concept(HCPCS, code), modifier=[concept(HCPCS, "GO")])
    assert "a code of the other" in problem(ask(of_another, plan=COVERED))


def test_the_modifier_of_another_code_does_not_count(ask: Ask) -> None:
    for order in ({"code": billed((CPT, "97110:GP"))}, {"orderDetail": [concept(CPT, "97110:GP")]}):
        asked = with_order(referral(productOrService=concept(CPT, "97140")), **order)
        assert "not one that is known here as physical therapy" in notes(ask(asked, plan=COVERED))


@pytest.mark.parametrize(
    "fields",
    [
        {"productOrService": coded((CPT, "97113"))},
        {"productOrService": coded((HCPCS, "97113"))},
        {"productOrService": coded((CPT, "97161"), (TAXONOMY, "2251P0200X"))},
    ],
)
def test_a_specialty_that_the_answers_do_not_name_pends(ask: Ask, fields: Json) -> None:
    result = ask(referral(**fields), plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert "of a specialty of physical therapy" in notes(result)
    assert actions(ask(extension(**fields), plan=COVERED)) == ["A4"]


def test_a_specialty_that_the_order_names_and_the_answers_do_not_pends(ask: Ask) -> None:
    asked = with_order(referral(), performerType=concept(TAXONOMY, "2251P0200X"))
    assert "of a specialty of physical therapy" in notes(ask(asked, plan=COVERED))


@pytest.mark.parametrize(
    "order",
    [
        {"orderDetail": [concept(CPT, "97113")]},
        {"code": billed((CPT, "97113"))},
        {"code": billed((CPT, "97161"), (CPT, "97113"))},
    ],
)
def test_a_specialty_anywhere_in_the_order_pends(ask: Ask, order: Json) -> None:
    assert "of a specialty of physical therapy" in notes(ask(with_order(referral(), **order), plan=COVERED))


def test_a_specialty_of_the_care_team_pends(ask: Ask) -> None:
    asked = referral()
    claim_of(asked)["careTeam"] = [{"sequence": 1, "qualification": concept(TAXONOMY, "2251P0200X")}]
    assert "of a specialty of physical therapy" in notes(ask(asked, plan=COVERED))


@pytest.mark.parametrize(("value", "action"), [(True, "A4"), (None, "A4"), (False, "A1")])
def test_the_treatment_of_children_pends_if_the_answers_do_not_name_it(ask: Ask, value: object, action: str) -> None:
    asked = referral()
    item_of(asked)["extension"].append({"url": f"{PAS}/extension-epsdtIndicator", "valueBoolean": value})
    assert actions(ask(asked, plan=COVERED)) == [action]


def test_a_specialty_that_the_answers_name_is_for_the_rules(ask: Ask) -> None:
    request = example("pt_referral") | {"specialty": "aqua_therapy"}
    assert actions(ask(referral(request, productOrService=coded((CPT, "97113"))), plan=COVERED)) == ["CT"]


# --- where it is given


@pytest.mark.parametrize("place", ["11", "19", "22", "49", "62"])
def test_an_outpatient_place_changes_nothing(ask: Ask, place: str) -> None:
    assert actions(ask(referral(locationCodeableConcept=concept(PLACES, place)), plan=COVERED)) == ["A1"]


@pytest.mark.parametrize(
    "place",
    [
        concept(PLACES, "12"),
        concept(PLACES, "02"),
        concept(PLACES, "32"),
        concept(PLACES, SECRET),
        concept(TYPE_OF_BILL, "13"),
        coded((PLACES, "11"), (TYPE_OF_BILL, "11")),
        {"text": "Office"},
    ],
)
def test_a_place_that_is_not_clearly_outpatient_pends(ask: Ask, place: Json) -> None:
    result = ask(referral(locationCodeableConcept=place), plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert "place of service" in notes(result)
    bare = bundle_of([item(1, "AE", concept(CPT, "97161"), None, locationCodeableConcept=place)])
    assert "place of service" in notes(ask(bare, plan=COVERED))


@pytest.mark.parametrize("place", ["21", "31", "51", "61"])
def test_an_inpatient_place_is_handed_on(ask: Ask, place: str) -> None:
    location = coded((PLACES, "11"), (PLACES, place))
    assert "only outpatient" in problem(ask(referral(locationCodeableConcept=location), plan=COVERED))
    # The rules for occupational therapy do not say that it is outpatient, so a person finds out.
    asked = ot_claim(("97530", 1))
    item_of(asked)["locationCodeableConcept"] = location
    assert "a stay in a facility" in notes(ask(asked, plan=OT_KNOWN))


def test_an_encounter_of_the_claim_pends(ask: Ask) -> None:
    asked = referral()
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Claim.encounter"
    claim_of(asked)["extension"] = [{"url": url, "valueReference": {"reference": "Encounter/1"}}]
    assert "a stay in a facility" in notes(ask(asked, plan=COVERED))


@pytest.mark.parametrize("place", ["12", "02", SECRET])
def test_the_place_of_the_order_must_be_outpatient_too(ask: Ask, place: str) -> None:
    location = [concept(PLACES, "11"), concept(PLACES, place)]
    assert "place of service" in notes(ask(with_order(referral(), locationCode=location), plan=COVERED))


def test_an_order_may_have_other_codes_of_its_place(ask: Ask) -> None:
    role = ("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "PTRES")
    for place in (coded(role), coded((PLACES, "11"), role), concept(PLACES, "11"), {"text": "Office"}):
        assert actions(ask(with_order(referral(), locationCode=[place]), plan=COVERED)) == ["A1"]


def test_an_outpatient_place_of_the_order_is_enough_for_a_facility(ask: Ask) -> None:
    asked = with_order(referral(), locationCode=[concept(PLACES, "22")])
    claim_of(asked)["type"] = concept(CLAIM_TYPE, "institutional")
    assert actions(ask(asked, plan=COVERED)) == ["A1"]
    resource_of(asked, "ServiceRequest")["locationCode"] = [coded(("https://clinic.example/places", "22"))]
    assert "not a professional one" in notes(ask(asked, plan=COVERED))


def test_an_inpatient_place_of_the_order_is_handed_on(ask: Ask) -> None:
    place = [concept(PLACES, "11"), concept(PLACES, "21")]
    assert "only outpatient" in problem(ask(with_order(referral(), locationCode=place), plan=COVERED))
    asked = with_order(ot_claim(("97530", 1)), code=concept(f"{X12}/1365", "AD"), locationCode=place)
    assert "a stay in a facility" in notes(ask(asked, plan=OT_KNOWN))


def test_home_health_care_pends(ask: Ask) -> None:
    for asked, plan in ((referral(), COVERED), (ot_claim(("97530", 1)), OT_KNOWN)):
        claim_of(asked)["extension"] = [{"url": f"{PAS}/extension-homeHealthCareInformation", "extension": []}]
        assert "home health care" in notes(ask(asked, plan=plan))


@pytest.mark.parametrize("name", ["nursingHomeResidentialStatus", "nursingHomeLevelOfCare", "revenueUnitRateLimit"])
def test_what_an_item_says_of_a_nursing_home_or_a_hospital_pends(ask: Ask, name: str) -> None:
    for asked, plan in ((referral(), COVERED), (ot_claim(("97530", 1)), OT_KNOWN)):
        item_of(asked)["extension"].append({"url": f"{PAS}/extension-{name}"})
        result = ask(asked, plan=plan)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "a stay in a facility" in notes(result)


@pytest.mark.parametrize(
    ("code", "of_pt", "of_ot"),
    [
        ("0420", "A1", "A4"),
        ("0424", "A1", "A4"),
        ("421", "A1", "A4"),
        ("0430", "A4", "A1"),
        ("0120", "A4", "A4"),
        ("0440", "A4", "A4"),
        (SECRET, "A4", "A4"),
    ],
)
def test_a_revenue_code_must_be_of_the_therapy(ask: Ask, code: str, of_pt: str, of_ot: str) -> None:
    revenue = concept("https://www.nubc.org/CodeSystem/RevenueCodes", code)
    assert actions(ask(referral(revenue=revenue), plan=COVERED)) == [of_pt]
    asked = ot_claim(("97530", 1))
    item_of(asked)["revenue"] = revenue
    assert actions(ask(asked, plan=OT_KNOWN)) == [of_ot]


CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"


def test_an_encounter_of_an_item_pends(ask: Ask) -> None:
    for asked, plan in ((referral(), COVERED), (ot_claim(("97530", 1)), OT_KNOWN)):
        assert actions(ask(asked, plan=plan)) == ["A1"]
        item_of(asked)["encounter"] = [{"reference": "Encounter/1"}]
        result = ask(asked, plan=plan)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "a stay in a facility" in notes(result)


@pytest.mark.parametrize(
    "kind",
    [
        concept(CLAIM_TYPE, "institutional"),
        coded((CLAIM_TYPE, "professional"), (CLAIM_TYPE, "institutional")),
        concept(CLAIM_TYPE, SECRET),
        concept("https://clinic.example/types", "professional"),
    ],
)
def test_a_claim_that_is_not_a_professionals_needs_a_place_of_service(ask: Ask, kind: Json) -> None:
    for asked, plan in ((referral(), COVERED), (ot_claim(("97530", 1)), OT_KNOWN)):
        claim_of(asked)["type"] = kind
        result = ask(asked, plan=plan)
        assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
        assert "not a professional one" in notes(result)
        item_of(asked)["locationCodeableConcept"] = concept(TYPE_OF_BILL, "11")
        assert "not a professional one" in notes(ask(asked, plan=plan))
        item_of(asked)["locationCodeableConcept"] = concept(PLACES, "22")
        assert actions(ask(asked, plan=plan)) == ["A1"]


@pytest.mark.parametrize("kind", ["pharmacy", "oral", "vision"])
def test_a_claim_for_something_else_than_therapy_is_handed_on(ask: Ask, kind: str) -> None:
    for asked in (referral(), ot_claim()):
        claim_of(asked)["type"] = coded((CLAIM_TYPE, "professional"), (CLAIM_TYPE, kind))
        assert "only claims for therapy" in problem(ask(asked, plan=OT_KNOWN))


@pytest.mark.parametrize("kind", ["admissionDates", "dischargeDates"])
def test_the_dates_of_an_admission_pend(ask: Ask, kind: str) -> None:
    asked = referral()
    information: Json = {
        "sequence": 2,
        "category": concept(f"{PAS.replace('StructureDefinition', 'CodeSystem')}/PASTempCodes", kind),
        "timingDate": "2026-03-01",
    }
    claim_of(asked)["supportingInfo"].append(information)
    result: Any = ask(asked, plan=COVERED)
    assert said(response_in(result)["item"][0])[:2] == ("A4", ["0U"])
    assert "a stay in a facility" in notes(result)
    information["modifierExtension"] = [{"url": f"{PAS}/extension-infoCancelled", "valueBoolean": True}]
    assert actions(ask(asked, plan=COVERED)) == ["A1"]
