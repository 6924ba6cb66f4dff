"""Which therapy the codes of an order name.

Only codes count, and no text. The codes of a diagnosis say nothing about the service that is ordered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from therapy_policy.interop.pas.codes import CPT, DISCIPLINES, SERVICE_TYPE, Discipline

PT: Discipline = "physical therapy"
OT: Discipline = "occupational therapy"

SNOMED = "http://snomed.info/sct"
TAXONOMY = "http://nucc.org/provider-taxonomy"

_SNOMED_CODES = {
    **dict.fromkeys(("91251008", "410158009", "308447003"), PT),
    **dict.fromkeys(("84478008", "410155007", "308453003"), OT),
}
_TAXONOMY_GROUPS = {"2251": PT, "225X": OT}  # how the codes of these therapists start, with their specialties
_CPT_CODES = {
    **dict.fromkeys(("97161", "97162", "97163", "97164"), PT),
    **dict.fromkeys(("97165", "97166", "97167", "97168"), OT),
}
_MODIFIERS = {"GP": PT, "GO": OT}  # of a CPT code, under which plan of care the service is
_SPECIALTIES = {(CPT, "97113"): "aqua_therapy", (TAXONOMY, "2251P0200X"): "pediatric"}  # of physical therapy

Code = tuple[str, str]  # code system, code
_MODIFIER = "modifier of a procedure code"  # in place of the code system


@dataclass(frozen=True)
class Therapy:
    """What an order is for. `discipline` is "unclear" if its codes are of therapy, and do not say of which one."""

    discipline: Discipline | Literal["unclear"]
    specialty: str = "none"  # as in a request
    procedure_codes: tuple[str, ...] = ()  # CPT, sorted


def therapy_of(codes: Iterable[Code], listed: Iterable[str]) -> Therapy | None:
    """Return the therapy that the codes of an order name; None if they name none.

    `listed` is the policy's list of procedure codes for occupational therapy. Physical therapists use most of them too,
    so such a code says that the order is for therapy, and not for which.
    """
    every = [code for each in codes for code in _without_modifiers(*each)]
    disciplines = {discipline for each in every if (discipline := _discipline_of(*each))}
    specialties = sorted({_SPECIALTIES[each] for each in every if each in _SPECIALTIES})
    if specialties and OT not in disciplines:
        disciplines.add(PT)
    procedures = tuple(sorted({code for system, code in every if system == CPT}))
    if len(disciplines) == 1:
        (discipline,) = disciplines
        return Therapy(discipline, specialties[0] if specialties else "none", procedures)
    if disciplines or not set(listed).isdisjoint(procedures):
        return Therapy("unclear", procedure_codes=procedures)
    return None


def _without_modifiers(system: str, code: str) -> list[Code]:
    """A CPT code can be followed by its modifiers, as in 97110:GP. Each becomes a code of its own."""
    if system != CPT:
        return [(system, code)]
    procedure, *modifiers = code.split(":")
    return [(CPT, procedure), *((_MODIFIER, each) for each in modifiers)]


def _discipline_of(system: str, code: str) -> Discipline | None:
    if system == SERVICE_TYPE:
        return DISCIPLINES.get(code)
    if system == SNOMED:
        return _SNOMED_CODES.get(code)
    if system == TAXONOMY:
        return _TAXONOMY_GROUPS.get(code[:4])
    if system == CPT:
        return _CPT_CODES.get(code)
    return _MODIFIERS.get(code) if system == _MODIFIER else None
