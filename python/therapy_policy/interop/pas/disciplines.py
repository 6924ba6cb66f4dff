"""Which therapy the codes of a request (PAS) or of an order (CRD) name.

Only codes count, and no text. The codes of a diagnosis say nothing about the service that is ordered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from therapy_policy.files import packaged_json
from therapy_policy.interop.fhir import Element
from therapy_policy.interop.pas.codes import CPT, CRD, DISCIPLINES, SERVICE_TYPE, Discipline, is_of_procedures
from therapy_policy.policy.parameters import parameters_of

PT: Discipline = "physical therapy"
OT: Discipline = "occupational therapy"
# Nothing here is about it: its codes say that a request is for somebody else.
SPEECH: Literal["speech-language therapy"] = "speech-language therapy"
Named = Discipline | Literal["speech-language therapy"]

SNOMED = "http://snomed.info/sct"
TAXONOMY = "http://nucc.org/provider-taxonomy"

_SNOMED_CODES = {
    **dict.fromkeys(("91251008", "410158009", "308447003"), PT),
    **dict.fromkeys(("84478008", "410155007", "308453003"), OT),
}
_SERVICE_TYPES: dict[str, Named] = {**DISCIPLINES, "AF": SPEECH}
# How the codes of these therapists start, with their specialties.
_TAXONOMY_GROUPS: dict[str, Named] = {"2251": PT, "225X": OT, "235Z": SPEECH}
# The codes that CMS takes for one therapy only (change request 10176 of 2017).
_CPT_CODES: dict[str, Named] = {
    **dict.fromkeys(("97161", "97162", "97163", "97164"), PT),
    **dict.fromkeys(("97165", "97166", "97167", "97168"), OT),
    **dict.fromkeys(("92521", "92522", "92523", "92524", "92597", "92607"), SPEECH),
}
_MODIFIERS: dict[str, Named] = {"GP": PT, "GO": OT, "GN": SPEECH}  # under which plan of care a procedure is
# Of the policy's list for occupational therapy, those that physical therapists use too, as their billing guides say.
_SHARED = ("97110", "97112", "97530", "97535")
_SPECIALTIES = {(CPT, "97113"): "aqua_therapy", (TAXONOMY, "2251P0200X"): "pediatric"}  # of physical therapy

CODED_IN_ORDERS = ("code", "orderDetail", "category", "performerType")  # what of a ServiceRequest can name the service

Code = tuple[str, str]  # code system, code
MODIFIER = "modifier of a procedure code"  # in place of the code system


@dataclass(frozen=True)
class Therapy:
    """What an order is for. `discipline` is "unclear" if its codes are of therapy, and do not say of which one."""

    discipline: Discipline | Literal["unclear"]
    specialty: str = "none"  # as in a request
    procedure_codes: tuple[str, ...] = ()  # CPT or HCPCS, sorted


@cache
def listed_codes() -> tuple[str, ...]:
    """Return every procedure code that the policy has listed for occupational therapy, at any time, sorted."""
    listed = parameters_of(packaged_json("data.json")["therapy"]["parameters"])["pediatric_ot.procedure_codes"]
    return tuple(sorted({code for period in listed.periods for code in period.value}))


def therapy_of(codes: Iterable[Code], listed: Iterable[str]) -> Therapy | None:
    """Return the therapy that the codes of an order name; None if they name none, or also speech-language therapy.

    `listed` is the policy's list of procedure codes for occupational therapy. Physical therapists use some of them too,
    and both use codes of physical medicine. Such a code says that the order is for therapy, and not for which.
    """
    every = [code for each in codes for code in _without_modifiers(*each)]
    named = {discipline for each in every if (discipline := discipline_of(*each))}
    if SPEECH in named:
        return None
    disciplines = {each for each in (PT, OT) if each in named}
    specialties = sorted({_SPECIALTIES[each] for each in every if each in _SPECIALTIES})
    if specialties and OT not in disciplines:
        disciplines.add(PT)
    procedures = procedure_codes_of(every)
    if len(disciplines) == 1:
        (discipline,) = disciplines
        return Therapy(discipline, specialties[0] if specialties else "none", procedures)
    if disciplines or not set(listed).isdisjoint(procedures) or any(map(_is_of_physical_medicine, procedures)):
        return Therapy("unclear", procedure_codes=procedures)
    return None


def procedure_codes_of(codes: Iterable[Code]) -> tuple[str, ...]:
    """Return the procedure codes among some codes, without modifiers, sorted."""
    return tuple(sorted({code for each in codes for system, code in _without_modifiers(*each) if system == CPT}))


def modifiers_of(codes: Iterable[Code]) -> frozenset[str]:
    """Return the modifiers of procedure codes among some codes."""
    return frozenset(code for each in codes for system, code in _without_modifiers(*each) if system == MODIFIER)


def codes_in(holder: Element, name: str) -> Iterator[Code]:
    """Yield the codes of a concept, or of a list of concepts, with those of its billing options (CRD).

    Raises `Refused` if it is something else.
    """
    several = isinstance(holder.fields.get(name), list)
    concepts = holder.elements(name) if several else [each] if (each := holder.element(name)) else []
    for concept in concepts:
        yield from concept.codes()
        for option in concept.elements("extension"):
            if option.text("url") == f"{CRD}/ext-billing-options":
                billed = option.element("valueCodeableConcept")
                yield from billed.codes() if billed else ()


def use_in_physical_therapy(procedure_code: str, modifiers: frozenset[str]) -> Literal["certain", "possible", "none"]:
    """Return whether physical therapists use a CPT or HCPCS code that has these modifiers, as far as it is known here.

    They may use any code of physical medicine, and one under their plan of care (GP) is theirs.
    """
    known = discipline_of(CPT, procedure_code) == PT or (CPT, procedure_code) in _SPECIALTIES
    if known or procedure_code in _SHARED:
        return "certain"
    if not _is_of_physical_medicine(procedure_code):
        return "none"
    return "certain" if "GP" in modifiers else "possible"


def _is_of_physical_medicine(procedure_code: str) -> bool:
    """Whether a code is in CPT's section on physical medicine, or the code of HCPCS in place of one of them."""
    in_section = re.fullmatch("[0-9]{5}", procedure_code) and "97010" <= procedure_code <= "97799"
    return bool(in_section) or procedure_code == "G0283"


def _without_modifiers(system: str, code: str) -> list[Code]:
    """A CPT code can be followed by its modifiers, as in 97110:GP. Each becomes a code of its own.

    What comes from an X12 system has CPT codes as HCPCS codes, so those are taken as CPT codes.
    """
    if not is_of_procedures(system):
        return [(system, code)]
    procedure, *modifiers = code.split(":")
    return [(CPT, procedure), *((MODIFIER, each) for each in modifiers)]


def discipline_of(system: str, code: str) -> Named | None:
    """Return the therapy that a code names by itself; None if it names none."""
    if system == SERVICE_TYPE:
        return _SERVICE_TYPES.get(code)
    if system == SNOMED:
        return _SNOMED_CODES.get(code)
    if system == TAXONOMY:
        return _TAXONOMY_GROUPS.get(code[:4])
    if system == CPT:
        return _CPT_CODES.get(code)
    return _MODIFIERS.get(code) if system == MODIFIER else None
