"""How many visits or units a Claim states. What it does not state outright is not calculated, and pends."""

from __future__ import annotations

from typing import NamedTuple

from therapy_policy.interop.fhir import Element
from therapy_policy.interop.pas.codes import QUANTITY_UNIT, UCUM, UNITS, VISITS
from therapy_policy.interop.pas.dates import events

_WORDS = {"visit": VISITS, "visits": VISITS, "unit": UNITS, "units": UNITS, "VS": VISITS, "UN": UNITS}


class Stated(NamedTuple):
    """A number of what is asked, and whether it is of visits (VS), of units (UN), or neither (None)."""

    number: int
    unit: str | None


def quantity(holder: Element, name: str) -> Stated | None:
    """Return the Quantity `name` of an element; None if there is none.

    Raises `Refused` if it is not one whole number.
    """
    element = holder.element(name)
    if element is None:
        return None
    if "comparator" in element.fields:
        element.refuse("not-supported", "comparator", "expected an exact number")
    number = element.positive("value") or element.refuse("required", "value", "is required")
    system, code, unit = (element.text(each) for each in ("system", "code", "unit"))
    said = set()
    if code is not None and (system, code) not in ((UCUM, "1"), (None, "1")):
        known = system is None or system.replace("http://", "https://", 1) == QUANTITY_UNIT
        said.add(_WORDS.get(code) if known and code in (VISITS, UNITS) else None)
    if unit is not None:
        said.add(_WORDS.get(unit.strip()) or _WORDS.get(unit.strip().lower()))
    return Stated(number, said.pop() if len(said) == 1 else None)


def doubts(wanted: str, stated: list[Stated], service: Element | None, *, per_visit: bool) -> list[str]:
    """Return why what is asked cannot be taken as one number in the unit `wanted`; [] if it can.

    `stated` are all numbers of the request and `service` its ServiceRequest. With `per_visit`, they are of one visit.
    """
    unit = "visits" if wanted == VISITS else "units"
    found = []
    if any(each.unit != wanted for each in stated):
        found.append(f"The unit of a quantity does not say that it is a number of {unit}.")
    elif len({each.number for each in stated}) > 1:
        found.append(f"The request states different numbers of {unit}.")
    timing = service.element("occurrenceTiming") if service else None
    repeat = timing.element("repeat") if timing else None
    if timing is None:
        return found
    counts = {repeat.positive("count") if repeat else None, len(events(timing)) or None} - {None}
    if repeat is not None and "countMax" in repeat.fields:
        found.append("The order states a range of visits.")
    elif per_visit:
        if counts != {1}:
            found.append("The order has a schedule of visits, and the request is about one visit.")
    elif not stated:
        found.append("The order has a schedule. The number of visits is not calculated from it, and must be stated.")
    elif any(counts - {each.number} for each in stated):
        found.append("The schedule of the order has another number of visits than the request.")
    return found
