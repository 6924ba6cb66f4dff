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
    """The first and the last date on which something happens."""

    first: str
    last: str


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
    day = required_date(holder, f"{name}Date")
    return Span(day, day)


def dates_of_order(service: Element) -> Iterator[Span]:
    """Yield when a ServiceRequest says that its service is provided; nothing if it does not say it."""
    if "occurrenceDateTime" in service.fields:
        day = required_date(service, "occurrenceDateTime")
        yield Span(day, day)
    if period := service.element("occurrencePeriod"):
        yield _span(period)
    if timing := service.element("occurrenceTiming"):
        for day in events(timing):
            yield Span(day, day)
        repeat = timing.element("repeat")
        if repeat and (bounds := repeat.element("boundsPeriod")):
            yield _span(bounds)


def events(timing: Element) -> list[str]:
    """Return the dates of the events that a Timing lists."""
    stated = timing.fields.get("event", [])
    if not isinstance(stated, list):
        timing.refuse("invalid", "event", "expected a list")
    days = [calendar_date(each) if isinstance(each, str) else None for each in stated]
    return [day or timing.refuse("value", f"event[{at}]", "expected a whole date") for at, day in enumerate(days)]


def _span(period: Element) -> Span:
    """The dates of a Period, which must have a start."""
    first = required_date(period, "start")
    last = required_date(period, "end") if "end" in period.fields else _NO_END
    if last < first:
        period.refuse("value", "end", "is before the start")
    return Span(first, last)
