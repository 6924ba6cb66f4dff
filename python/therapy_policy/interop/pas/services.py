"""Which service the items of a Claim ask for: the therapy that their codes name, and where it is given.

Codes that do not fit what is decided here are refused, so that somebody else handles them; they are never a denial.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from therapy_policy.interop.fhir import Element, refuse
from therapy_policy.interop.pas import codes
from therapy_policy.interop.pas.bundle import is_canceled
from therapy_policy.interop.pas.codes import PAS, Discipline
from therapy_policy.interop.pas.disciplines import (
    CODED_IN_ORDERS,
    MODIFIER,
    Code,
    Therapy,
    codes_in,
    discipline_of,
    listed_codes,
    modifiers_of,
    procedure_codes_of,
    therapy_of,
    use_in_physical_therapy,
)
from therapy_policy.interop.pas.submission import Item

# Places of service of CMS where a patient is only treated as an outpatient: office (11), outpatient departments of a
# hospital, off and on its campus (19, 22), independent clinic (49), comprehensive outpatient rehabilitation facility
# (62). Therapy at home (12) or by telehealth (02, 10) may be outpatient therapy too, and a person finds out.
_OUTPATIENT = ("11", "19", "22", "49", "62")
# Where a patient is admitted: hospital (21), skilled nursing (31), psychiatric (51) and rehabilitation facility (61).
_INPATIENT = ("21", "31", "51", "61")

# Extensions of a Claim and of an item that are about home health care, a stay, a nursing home, or a room in a hospital.
_OF_CLAIMS_NOT_OUTPATIENT = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Claim.encounter",
    f"{PAS}/extension-homeHealthCareInformation",
)
_OF_ITEMS_NOT_OUTPATIENT = ("nursingHomeResidentialStatus", "nursingHomeLevelOfCare", "revenueUnitRateLimit")
_STAYS = ((codes.SUPPORTING_INFO, "admissionDates"), (codes.SUPPORTING_INFO, "dischargeDates"))

# Of NUBC: 042x is physical therapy, 043x occupational therapy. They are often written without the first digit.
_REVENUE_CODES: dict[Discipline, str] = {"physical therapy": "0?42[0-9]", "occupational therapy": "0?43[0-9]"}

ONLY_PT = "only outpatient physical therapy is decided here; hand the request on"
NOT_OF_PT = "has a procedure code that is not one of physical therapy, as far as it is known here; hand the request on"
MAYBE_NOT_OF_PT = "The procedure code is not one that is known here as physical therapy. A person must look at it."
SPEECH_TOO = "has a code of speech-language therapy, which is not decided here; hand the request on"
PLACE_NOT_CLEAR = "The place of service does not say that the therapy is outpatient."
FACILITY = "The Claim is not a professional one, and its place of service does not say that the therapy is outpatient."
STAY = (
    "The Claim refers to home health care or a stay in a facility, so it does not say that the therapy is outpatient."
)


def discipline_of_items(claim: Element, items: list[Item], services: list[Element | None]) -> Discipline:
    """Return which therapy all items are for, by their X12 service types. `services` are their ServiceRequests.

    Raises `Refused` if they are for another service or for both therapies, or if another code contradicts the type.
    """
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
        procedures, of_order = codes.procedures(asked), codes.procedures(ordered)
        if procedures and of_order and procedures != of_order:
            item.content.refuse("value", "productOrService", "is another procedure than that of the order")
        for holder in (item.content, service) if service else (item.content,):
            for name in ("detail", "productOrServiceCodeEnd"):
                if name in holder.fields or holder.extension(f"{PAS}/extension-{name}"):
                    holder.refuse("not-supported", name, "expected one service for each item")
    if len(found) != 1:
        refuse("not-supported", "Claim.item", "occupational and physical therapy are separate requests")
    discipline = codes.DISCIPLINES[found.pop()]
    team = _care_team(claim)
    orders = {service.place: service for service in services if service}  # each is read once
    of_orders = {place: _codes_of_order(service) for place, service in orders.items()}
    for item, service in zip(items, services, strict=True):
        in_order = of_orders[service.place] if service else set()
        if therapy_of_item(item, service, in_order, team).discipline != discipline:
            problem = "has the service type of one therapy and a code of the other; hand the request on"
            item.content.refuse("not-supported", "productOrService", problem)
    return discipline


class Member(NamedTuple):
    """A member of the care team: of every item (`of_all`), or of the items that name its sequence."""

    sequence: object
    of_all: bool
    codes: set[Code]


def _care_team(claim: Element) -> list[Member]:
    found = []
    for each in claim.elements("careTeam", may_be_modified=True):
        if not is_canceled(each):
            scope = each.extension(f"{PAS}/extension-careTeamClaimScope")
            of_all = scope is not None and scope.flag("valueBoolean") is True
            found.append(Member(each.fields.get("sequence"), of_all, {*codes_in(each, "qualification")}))
    return found


def _codes_of_order(service: Element) -> set[Code]:
    return {code for name in CODED_IN_ORDERS for code in codes_in(service, name)}


def therapy_of_item(item: Item, service: Element | None, of_order: set[Code], team: list[Member]) -> Therapy:
    """Return the therapy that the codes of an item, of its order and of its care team name.

    Raises `Refused` if it has only codes that are not known, or one of speech-language therapy.
    """
    for element in _products(item, service):
        stated = element.codes()
        if stated and not any(map(_is_known, stated)):
            element.refuse("not-supported", "coding", "has no code that is known; hand the request on")
    every = {*_codes_of_item(item, service), *codes_in(item.content, "category"), *of_order}
    named = item.content.fields.get("careTeamSequence")
    sequences = {*filter(_is_number, named)} if isinstance(named, list) else None
    for member in team:
        if member.of_all or sequences is None or (_is_number(member.sequence) and member.sequence in sequences):
            every |= member.codes
    # Its service type names one of the two therapies, so what is left is one of them together with speech therapy.
    return therapy_of(every, listed_codes()) or item.content.refuse("not-supported", "productOrService", SPEECH_TOO)


def _products(item: Item, service: Element | None) -> list[Element]:
    """What is requested, by the item and by its order."""
    return [item.content.required("productOrService"), *([service.required("code")] if service else [])]


def _codes_of_item(item: Item, service: Element | None) -> list[Code]:
    """The codes of what is requested, with the modifiers of the item."""
    modifiers = [(MODIFIER, code) for each in item.content.elements("modifier") for _, code in each.codes()]
    return modifiers + [code for element in _products(item, service) for code in element.codes()]


def physical_therapy_of(claim: Element, item: Item, service: Element | None) -> tuple[str, list[str]]:
    """Return the specialty that an item for physical therapy names, and why its codes may be of another service.

    The specialty is as in a request, "none" if it names none. Raises `Refused` if the item is for several procedures,
    or for one that physical therapists do not use.
    """
    stated = _codes_of_item(item, service)
    procedures = procedure_codes_of(stated)
    if len(procedures) > 1:
        item.content.refuse("not-supported", "productOrService", "expected one procedure code; hand the request on")
    uses = [use_in_physical_therapy(each, modifiers_of(stated)) for each in procedures]
    if "none" in uses:
        item.content.refuse("not-supported", "productOrService", NOT_OF_PT)
    of_order = _codes_of_order(service) if service else set()
    specialty = therapy_of_item(item, service, of_order, _care_team(claim)).specialty
    of_children = item.content.extension(f"{PAS}/extension-epsdtIndicator")
    if specialty == "none" and of_children and of_children.flag("valueBoolean") is not False:
        specialty = "pediatric"
    return specialty, [MAYBE_NOT_OF_PT] if "possible" in uses else []


def judged(product: Element) -> Code:
    """Return the code of a productOrService that the answer is about: of a procedure, else of a therapy."""
    stated = product.codes()
    procedures = [each for each in stated if codes.is_of_procedures(each[0])]
    return next(iter([*procedures, *filter(_is_known, stated)]))


def outpatient_doubts(claim: Element, item: Item, service: Element | None) -> list[str]:
    """Return why physical therapy may not be outpatient; [] if nothing says so.

    Raises `Refused` if a place of service is one where patients are admitted.
    """
    places = _places(item, service)
    if any(map(_is_inpatient, places)):
        item.content.refuse("not-supported", "", ONLY_PT)
    found = [] if all(map(_is_outpatient, places)) else [PLACE_NOT_CLEAR]
    return found + stay_doubts(claim, [item], [service])


def stay_doubts(claim: Element, items: list[Item], services: list[Element | None]) -> list[str]:
    """Return why therapy may be given at home or during a stay in a facility; [] if nothing says so."""
    found = []
    # A claim of a professional is taken as outpatient. One of a facility, or of a type that is not known, is not.
    kinds_of_claim = {code for system, code in claim.required("type").codes() if system == codes.CLAIM_TYPE}
    places = [_places(item, service) for item, service in zip(items, services, strict=True)]
    if kinds_of_claim != {"professional"} and not all(each and all(map(_is_outpatient, each)) for each in places):
        found.append(FACILITY)
    information = claim.elements("supportingInfo", may_be_modified=True)
    kinds = [each.element("category") for each in information if not is_canceled(each)]
    if (
        any(claim.extension(each) for each in _OF_CLAIMS_NOT_OUTPATIENT)
        or any(item.content.extension(f"{PAS}/extension-{each}") for item in items for each in _OF_ITEMS_NOT_OUTPATIENT)
        or any("encounter" in item.content.fields for item in items)
        or any(_is_inpatient(place) for each in places for place in each)
        or any(code in _STAYS for kind in kinds if kind for code in kind.codes())
    ):
        found.append(STAY)
    return found


def revenue_doubts(items: list[Item], discipline: Discipline) -> list[str]:
    """Return why the revenue codes of a facility may be for something else than the therapy; [] if none says so."""
    of_therapy = re.compile(_REVENUE_CODES[discipline])
    stated = [code for item in items for _, code in codes_in(item.content, "revenue")]
    if all(map(of_therapy.fullmatch, stated)):
        return []
    return [f"A revenue code of the Claim is not one of {discipline}."]


def _places(item: Item, service: Element | None) -> list[list[Code]]:
    """The codes of each place of the item and of its order. Of an order, only places of service are read."""
    stated = item.content.element("locationCodeableConcept")
    of_order = [each.codes() for each in service.elements("locationCode")] if service else []
    of_order = [[code for code in each if code[0] == codes.PLACE_OF_SERVICE] for each in of_order]
    return [*([stated.codes()] if stated else []), *filter(None, of_order)]


def _is_outpatient(place: list[Code]) -> bool:
    return bool(place) and all(system == codes.PLACE_OF_SERVICE and code in _OUTPATIENT for system, code in place)


def _is_inpatient(place: list[Code]) -> bool:
    return any(system == codes.PLACE_OF_SERVICE and code in _INPATIENT for system, code in place)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal)


def _is_known(code: Code) -> bool:
    system, _ = code
    return codes.is_of_procedures(system) or discipline_of(*code) is not None
