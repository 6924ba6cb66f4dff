"""How everything is measured: in turn, in one run, so that a ratio depends on the policy and little on the machine."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)

WARM_UP = 20  # calls before those that are measured, which take longer


class Figure(NamedTuple):
    """One line of the table. `reached` is None if there is no aim."""

    name: str
    measured: str
    against: str = "–"
    ratio: float | None = None
    aim: str = "–"
    reached: bool | None = None


def compared(name: str, seconds: float, against: str, base: float, at_most: float | None = None) -> Figure:
    """Compare a time with another, and their ratio with the most that it should be.

    The ratio has the two decimals that the page shows, rounded up, so that the page never shows less than was measured.
    """
    ratio = math.ceil(round(100 * seconds / base, 6)) / 100
    figure = Figure(name, in_words(seconds), f"{against}, {in_words(base)}", ratio)
    if at_most is None:
        return figure
    return figure._replace(aim=f"≤ {at_most}", reached=ratio <= at_most)


def in_turn(
    calls: Mapping[Name, Callable[[], float]],
    rounds: int,
    choose: Callable[[list[float]], float] = statistics.median,
) -> dict[Name, float]:
    """Make the calls in turn, so that whatever else the machine does affects all alike; return the median of each."""
    results: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            results[name].append(call())
    return {name: choose(each) for name, each in results.items()}


def seconds_of(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def in_words(seconds: float) -> str:
    for factor, unit in ((1e9, "ns"), (1e6, "µs")):
        if seconds * factor < 1000 or (unit == "µs" and seconds < 0.1):
            return f"{seconds * factor:.{1 if seconds * factor < 100 else 0}f} {unit}"
    return f"{seconds:.2f} s"


def progress(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
