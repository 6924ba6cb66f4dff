"""The parameters of a policy: its numbers and lists, each with the periods in which its values apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any


@dataclass(frozen=True)
class ParameterPeriod:
    """A value of a parameter, which applies from the date `start` through the date `end`."""

    start: str  # YYYY-MM-DD
    end: str | None  # YYYY-MM-DD; None for the newest period
    value: Any


@dataclass(frozen=True)
class Parameter:
    """A number or list of the policy."""

    name: str  # such as outpatient_pt.initial_visits
    title: str
    clauses: tuple[str, ...]
    periods: tuple[ParameterPeriod, ...]

    def value_on(self, day: str) -> Any:
        """Return the value that applies on a day, YYYY-MM-DD; None before the first period."""
        return next((period.value for period in reversed(self.periods) if period.start <= day), None)

    @property
    def entries(self) -> Iterator[tuple[str, str]]:
        """The entries of its periods that cite their own clause: name and clause, without duplicates."""
        seen = set()
        for period in self.periods:
            if isinstance(period.value, dict):
                for name, entry in period.value.items():
                    if isinstance(entry, dict) and "clause" in entry and (name, entry["clause"]) not in seen:
                        seen.add((name, entry["clause"]))
                        yield name, entry["clause"]


def parameters_of(tree: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return all parameters in `data.therapy.parameters`, by their dotted names."""
    return {parameter.name: parameter for parameter in _parameters(tree, ())}


def _parameters(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Parameter]:
    for name, value in tree.items():
        if "periods" not in value:
            yield from _parameters(value, (*path, name))
            continue
        starts = [period["from"] for period in value["periods"]]
        ends = [day_before(start) for start in starts[1:]]
        yield Parameter(
            name=".".join((*path, name)),
            title=value.get("title", name),
            clauses=tuple(value.get("clauses", ())),
            periods=tuple(
                ParameterPeriod(start, end, period["value"])
                for start, end, period in zip(starts, [*ends, None], value["periods"], strict=True)
            ),
        )


def day_before(day: str) -> str:
    """Return the day before a day, both as YYYY-MM-DD."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
