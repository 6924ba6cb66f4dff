"""The dates of a Claim and of its order. A time of day is left out, and a date that is not a whole one is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from therapy_policy.interop.fhir import Element

_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))?")
_NO_END = date.max.isoformat()


class Span(NamedTuple):
    """The first and the last date on which something happens.

    With a time of day, they are the dates in the time zone of the sender, which can be UTC.
    """

    first: str
    last: str
    has_time: bool = False

    def may_include(self, day: str) -> bool:
        """Return whether a date can be one of these, in some time zone."""
        first, stated, last = (date.fromisoformat(each).toordinal() for each in (self.first, day, self.last))
        days = 1 if self.has_time else 0
        return first - days <= stated <= last + days


def calendar_date(text: str) -> str | None:
    """Return the date of a FHIR date or time; None if it is not a whole one that the calendar has."""
    if (match := _DATE.fullmatch(text)) is None:
        return None
    try:
        return date.fromisoformat(match[1]).isoformat()
    except ValueError:
        return None


def required_date(holder: Element, name: str) -> str:
    """Return the date in the field `name` of an element, which must be there."""
    return calendar_date(holder.required_text(name)) or holder.refuse("value", name, "expected a whole date")


def date_or_period(holder: Element, name: str) -> Span | None:
    """Return what an element states in its field nameDate or namePeriod; None if it has neither."""
    period = holder.element(f"{name}Period")
    if f"{name}Date" not in holder.fields:
        return _span(period) if period else None
    if period:
        holder.refuse("value", f"{name}Period", f"is there together with {name}Date")
    return _day(holder, f"{name}Date")


def dates_of_order(service: Element) -> Iterator[Span]:
    """Yield when a ServiceRequest says that its service is provided; nothing if it does not say it."""
    if "occurrenceDateTime" in service.fields:
        yield _day(service, "occurrenceDateTime")
    if period := service.element("occurrencePeriod"):
        yield _span(period)
    if timing := service.element("occurrenceTiming"):
        yield from events(timing)
        repeat = timing.element("repeat")
        if repeat and (bounds := repeat.element("boundsPeriod")):
            yield _span(bounds)


def events(timing: Element) -> list[Span]:
    """Return the date of each event that a Timing lists."""
    stated = timing.fields.get("event", [])
    if not isinstance(stated, list):
        timing.refuse("invalid", "event", "expected a list")
    found = []
    for at, each in enumerate(stated):
        day = calendar_date(each) if isinstance(each, str) else None
        day = day or timing.refuse("value", f"event[{at}]", "expected a whole date")
        found.append(Span(day, day, "T" in each))
    return found


def _day(holder: Element, name: str) -> Span:
    day = required_date(holder, name)
    return Span(day, day, "T" in holder.fields[name])


def _span(period: Element) -> Span:
    """The dates of a Period, which must have a start."""
    first = required_date(period, "start")
    last = required_date(period, "end") if "end" in period.fields else _NO_END
    if last < first:
        period.refuse("value", "end", "is before the start")
    return Span(first, last, any("T" in period.fields.get(name, "") for name in ("start", "end")))
