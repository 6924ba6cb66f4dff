"""What rules ask of a request, and the answers that they can tell apart.

A dimension is one such question, such as whether the request's date lies before the rules begin; its values are the
answers. `write` states a value in a request, and leaves every choice that the value leaves open (which text, which
date of the interval, absent or null) to the caller. `read` finds the value that a request states.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Request = dict[str, Any]
Value = Any  # hashable
Choose = Callable[[Sequence[Any]], Any]

ABSENT: Any = object()  # stands for a member that is not there


def first(options: Sequence[Any]) -> Any:
    """The choice that makes the smallest request."""
    return options[0]


@dataclass(frozen=True, eq=False)
class Dimension:
    """A question that rules ask; of its values, the one that raises no reason comes first."""

    name: str  # of the member of the request
    values: tuple[Value, ...]
    write: Callable[[Request, Any, Choose], None]
    read: Callable[[Request], Value]
    members: Mapping[Any, Sequence[Any]] = field(default_factory=dict)  # of a value: what may stand there
    examples: bool = False  # whether `members` are examples only
    about: str = ""  # the values in words, where they are too many to be listed


# --- Places in a request ---------------------------------------------------------------------------------------------


def look(request: Request, path: str) -> Any:
    """What stands at a dotted path, or ABSENT; null is the same as nothing."""
    found: Any = request
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return ABSENT if found is None else found


def elements(request: Request, path: str) -> list[Any]:
    found = look(request, path)
    return [] if found is ABSENT else list(found)


def put(request: Request, path: str, value: Any) -> None:
    """State a value at a dotted path, in objects that are made as needed; ABSENT states nothing."""
    if value is ABSENT:
        return
    *outer, name = path.split(".")
    for each in outer:
        request = request.setdefault(each, {})
    request[name] = value


# --- One member ------------------------------------------------------------------------------------------------------


def member(path: str, members: Mapping[str, Sequence[Any]], tell: Callable[[Any], str] | None = None) -> Dimension:
    """One member of the request. `tell` names the value of what stands there, where `members` are but examples."""

    def write(request: Request, value: str, choose: Choose) -> None:
        put(request, path, choose(members[value]))

    def read(request: Request) -> str:
        found = look(request, path)
        return tell(found) if tell else next(value for value, those in members.items() if found in those)

    return Dimension(path, tuple(members), write, read, members, examples=tell is not None)


def either(*names: str) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def alike(
    names: Iterable[str], tell: Callable[[str], Hashable] | None = None, unstated: str | None = None
) -> dict[str, Sequence[Any]]:
    """The values of a member with a fixed choice of names: one for all names of which `tell` says the same.

    Without `tell` every name is told from every other. What is not stated is the same as `unstated`.
    """
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        groups.setdefault(tell(name) if tell else name, []).append(name)
    return {
        either(*group, *(["not stated"] if unstated in group else [])): (
            (ABSENT, None, *group) if unstated in group else tuple(group)
        )
        for group in groups.values()
    }


def anything(path: str, *options: Any) -> Dimension:
    """A member that no rule reads: one value, whatever stands there."""
    return member(path, {"anything": options}, lambda found: "anything")


def intervals(path: str, most: int, *begins: int) -> Dimension:
    """Whole numbers. An interval ends where the next one begins, and the last one at `most`."""
    ends = (*(begin - 1 for begin in begins[1:]), most)
    names = [
        str(begin) if begin == end else f"{begin} or more" if end == most else f"{begin} to {end}"
        for begin, end in zip(begins, ends, strict=True)
    ]
    ranges = [range(begin, end + 1) for begin, end in zip(begins, ends, strict=True)]
    return member(path, dict(zip(names, ranges, strict=True)))


def flag(path: str, *, quiet: bool) -> Dimension:
    """Whether a member is true, which `quiet` says raises no reason; what is not stated is not true."""
    stated: dict[str, Sequence[Any]] = {"true": (True,), "false or not stated": (ABSENT, None, False)}
    return member(path, stated if quiet else dict(reversed(stated.items())))


def answer(path: str, *, quiet: bool) -> Dimension:
    """True, false and not stated, told apart; `quiet` is the one that raises no reason."""
    stated: dict[str, Sequence[Any]] = {"true": (True,), "false": (False,)}
    return member(path, (stated if quiet else dict(reversed(stated.items()))) | {"not stated": (ABSENT, None)})


# --- Texts and dates -------------------------------------------------------------------------------------------------


def present(value: Any) -> bool:
    """Whether a text has a character that is not of Unicode's White_Space, which is `isspace` but for four controls."""
    return isinstance(value, str) and any(not c.isspace() or "\x1c" <= c <= "\x1f" for c in value)


BLANKS = ("", " ", "\t\n", "\u00a0\u3000", "\u2028\u0085")
WORDS = ("a", "b", "knee flexion 90°", "\x1c", "\u200b", "😀")  # \x1c and \u200b are no White_Space
PRESENT = tuple(before + word + after for before in BLANKS[:3] for after in BLANKS[:3] for word in WORDS)
MISSING = (ABSENT, None, *BLANKS)


def text(path: str) -> Dimension:
    members = {"present": PRESENT, "absent, null or blank": MISSING}
    return member(path, members, lambda found: tuple(members)[not present(found)])


def texts(path: str, *, quiet: bool = True) -> Dimension:
    """A list of texts: whether any is present, which `quiet` says raises no reason."""
    some, none = "a present text among them", "absent, null, empty or all blank"
    members: dict[str, Sequence[Any]] = {
        some: (["a"], ["", "a"], ["\x1c", " ", "b"], ["a", "a"]),
        none: (ABSENT, None, [], [""], [" ", "\t\n"]),
    }
    return member(
        path,
        members if quiet else {none: members[none], some: members[some]},
        lambda found: some if found is not ABSENT and any(map(present, found)) else none,
    )


def days(first_year: str, last_year: str) -> tuple[str, ...]:
    start, end = date(int(first_year), 1, 1), date(int(last_year), 12, 31)
    return tuple(str(start + timedelta(n)) for n in range((end - start).days + 1))


def dates(path: str, every_day: Sequence[str], begins: Iterable[str], recent: str) -> Dimension:
    """A date: in which interval it lies, the newest one first. An interval ends where the next one begins.

    Where there is only one, nothing reads the date, and `recent` is the one that stands there first.
    """
    places = sorted({place for each in begins if 0 < (place := bisect_left(every_day, each)) < len(every_day)})
    if not places:
        return anything(path, recent, *every_day)
    ends = [*places[1:], len(every_day)]
    members: dict[str, Sequence[str]] = {}
    for begin, end in reversed(list(zip(places, ends, strict=True))):
        first_day, last_day = every_day[begin], every_day[end - 1]
        name = f"{first_day} or later" if end == len(every_day) else first_day
        if begin < end - 1 < len(every_day) - 1:
            name = f"{first_day} to {last_day}"
        members[name] = every_day[begin:end]
    members[f"{every_day[places[0] - 1]} or earlier"] = every_day[: places[0]][::-1]
    return member(path, members)


# --- Lists of objects ------------------------------------------------------------------------------------------------


def first_of_all(quiet: Value, values: Iterable[Value]) -> tuple[Any, ...]:
    """Each value once, `quiet` before the others."""
    return tuple(dict.fromkeys((quiet, *values)))


def parts_of_each(path: str, parts: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]) -> Dimension:
    """A list of up to two objects; of each, which parts are present. For each part: what is present, what is not."""
    which = tuple(itertools.product((True, False), repeat=len(parts)))
    values = first_of_all((which[0],), (value for n in range(3) for value in itertools.product(which, repeat=n)))

    def write(request: Request, value: tuple[tuple[bool, ...], ...], choose: Choose) -> None:
        stated: list[Request] = [{} for _ in value]
        for each, has in zip(stated, value, strict=True):
            for name, there in zip(parts, has, strict=True):
                put(each, name, choose(parts[name][not there]))
        put(request, path, stated or choose((ABSENT, None, [])))

    def read(request: Request) -> Value:
        return tuple(tuple(present(each.get(name)) for name in parts) for each in elements(request, path))

    about = f"none (absent, null or empty), 1 or 2; of each, whether it has its {', '.join(parts)}"
    return Dimension(path, values, write, read, about=about)
