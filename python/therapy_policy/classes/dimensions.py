"""What the rules ask about a request, and the answers that they can distinguish.

A dimension is one such question, for example whether the request's date is before the rules begin. Its values are the
answers. `write` puts a value into a request and asks the caller to make every choice that the value leaves open: which
text, which date in the interval, absent or null. `read` finds the value that a request has.
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

ABSENT: Any = object()  # represents a field that is missing


def first(options: Sequence[Any]) -> Any:
    """The choice that makes the smallest request."""
    return options[0]


@dataclass(frozen=True, eq=False)
class Dimension:
    """A question that the rules ask. The first of its values, the baseline, raises no reason."""

    name: str  # of the field
    values: tuple[Value, ...]
    write: Callable[[Request, Any, Choose], None]
    read: Callable[[Request], Value]
    options: Mapping[Any, Sequence[Any]] = field(default_factory=dict)  # for each value, what the field may contain
    examples: bool = False  # whether `options` are only examples
    about: str = ""  # describes the values where there are too many to list


# --- The fields of a request -----------------------------------------------------------------------------------------


def value_at(request: Request, path: str) -> Any:
    """The value at a dotted path, or ABSENT; null means the same as absent."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return ABSENT if value is None else value


def list_at(request: Request, path: str) -> list[Any]:
    """The list at a dotted path; an empty one if it is absent or null."""
    value = value_at(request, path)
    return [] if value is ABSENT else list(value)


def set_value(request: Request, path: str, value: Any) -> None:
    """Set the value at a dotted path and create the objects on that path; ABSENT sets nothing."""
    if value is ABSENT:
        return
    *outer, name = path.split(".")
    for each in outer:
        request = request.setdefault(each, {})
    request[name] = value


# --- One field -------------------------------------------------------------------------------------------------------


def one_field(
    path: str, options: Mapping[str, Sequence[Any]], classify: Callable[[Any], str] | None = None
) -> Dimension:
    """One field of the request. Where `options` are only examples, `classify` gives the value for any content."""

    def write(request: Request, value: str, choose: Choose) -> None:
        set_value(request, path, choose(options[value]))

    def read(request: Request) -> str:
        content = value_at(request, path)
        return classify(content) if classify else next(value for value, each in options.items() if content in each)

    return Dimension(path, tuple(options), write, read, options, examples=classify is not None)


def or_list(*names: str) -> str:
    """The names as words: a, b or c."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def group_names(
    names: Iterable[str], classify: Callable[[str], Hashable] | None = None, default: str | None = None
) -> dict[str, Sequence[Any]]:
    """The values of a field with a fixed list of names: one value for all names that `classify` treats alike.

    Without `classify`, each name is a value of its own. A missing field means the same as `default`.
    """
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        groups.setdefault(classify(name) if classify else name, []).append(name)
    return {
        or_list(*group, *(["not stated"] if default in group else [])): (
            (ABSENT, None, *group) if default in group else tuple(group)
        )
        for group in groups.values()
    }


def any_value(path: str, *options: Any) -> Dimension:
    """A field that no rule reads: one value, whatever the field contains."""
    return one_field(path, {"anything": options}, lambda content: "anything")


def intervals(path: str, maximum: int, *starts: int) -> Dimension:
    """Whole numbers. An interval ends where the next one starts, and the last one at `maximum`."""
    ends = (*(start - 1 for start in starts[1:]), maximum)
    names = [
        str(start) if start == end else f"{start} or more" if end == maximum else f"{start} to {end}"
        for start, end in zip(starts, ends, strict=True)
    ]
    ranges = [range(start, end + 1) for start, end in zip(starts, ends, strict=True)]
    return one_field(path, dict(zip(names, ranges, strict=True)))


def flag(path: str, *, baseline: bool) -> Dimension:
    """Whether a field is true; a missing field is not true. `baseline` is the answer that raises no reason."""
    options: dict[str, Sequence[Any]] = {"true": (True,), "false or not stated": (ABSENT, None, False)}
    return one_field(path, options if baseline else dict(reversed(options.items())))


def answer(path: str, *, baseline: bool) -> Dimension:
    """True, false or missing, each a value of its own. `baseline` is the answer that raises no reason."""
    options: dict[str, Sequence[Any]] = {"true": (True,), "false": (False,)}
    return one_field(path, (options if baseline else dict(reversed(options.items()))) | {"not stated": (ABSENT, None)})


# --- Texts and dates -------------------------------------------------------------------------------------------------


def present(value: Any) -> bool:
    """Whether a text has a character outside Unicode's White_Space: `isspace` except for four control characters."""
    return isinstance(value, str) and any(not c.isspace() or "\x1c" <= c <= "\x1f" for c in value)


BLANKS = ("", " ", "\t\n", "\u00a0\u3000", "\u2028\u0085")
WORDS = ("a", "b", "knee flexion 90°", "\x1c", "\u200b", "😀")  # \x1c and \u200b are not White_Space
PRESENT = tuple(before + word + after for before in BLANKS[:3] for after in BLANKS[:3] for word in WORDS)
MISSING = (ABSENT, None, *BLANKS)


def text(path: str) -> Dimension:
    """A text: present, or not."""
    options = {"present": PRESENT, "absent, null or blank": MISSING}
    return one_field(path, options, lambda content: tuple(options)[not present(content)])


def texts(path: str, *, baseline: bool = True) -> Dimension:
    """A list of texts: whether any of them is present. `baseline` is the answer that raises no reason."""
    some, none = "a present text among them", "absent, null, empty or all blank"
    options: dict[str, Sequence[Any]] = {
        some: (["a"], ["", "a"], ["\x1c", " ", "b"], ["a", "a"]),
        none: (ABSENT, None, [], [""], [" ", "\t\n"]),
    }
    return one_field(
        path,
        options if baseline else {none: options[none], some: options[some]},
        lambda content: some if content is not ABSENT and any(map(present, content)) else none,
    )


def days(first_year: str, last_year: str) -> tuple[str, ...]:
    """Every date from January 1 of the first year to December 31 of the last one."""
    start, end = date(int(first_year), 1, 1), date(int(last_year), 12, 31)
    return tuple(str(start + timedelta(n)) for n in range((end - start).days + 1))


def dates(path: str, every_day: Sequence[str], starts: Iterable[str], recent: str) -> Dimension:
    """A date: which interval it is in, the newest one first. An interval ends where the next one starts.

    With only one interval, no rule reads the date, and `recent` is the first choice.
    """
    positions = sorted({place for each in starts if 0 < (place := bisect_left(every_day, each)) < len(every_day)})
    if not positions:
        return any_value(path, recent, *every_day)
    ends = [*positions[1:], len(every_day)]
    options: dict[str, Sequence[str]] = {}
    for start, end in reversed(list(zip(positions, ends, strict=True))):
        first_day, last_day = every_day[start], every_day[end - 1]
        name = f"{first_day} or later" if end == len(every_day) else first_day
        if start < end - 1 < len(every_day) - 1:
            name = f"{first_day} to {last_day}"
        options[name] = every_day[start:end]
    options[f"{every_day[positions[0] - 1]} or earlier"] = every_day[: positions[0]][::-1]
    return one_field(path, options)


# --- Lists of objects ------------------------------------------------------------------------------------------------


def baseline_first(baseline: Value, values: Iterable[Value]) -> tuple[Any, ...]:
    """Each value once, `baseline` before the others."""
    return tuple(dict.fromkeys((baseline, *values)))


def parts_of_each(path: str, parts: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]) -> Dimension:
    """A list of up to two objects, and which parts each has. `parts` gives what counts as present, and as missing."""
    which = tuple(itertools.product((True, False), repeat=len(parts)))
    values = baseline_first((which[0],), (value for n in range(3) for value in itertools.product(which, repeat=n)))

    def write(request: Request, value: tuple[tuple[bool, ...], ...], choose: Choose) -> None:
        items: list[Request] = [{} for _ in value]
        for item, has in zip(items, value, strict=True):
            for name, there in zip(parts, has, strict=True):
                set_value(item, name, choose(parts[name][not there]))
        set_value(request, path, items or choose((ABSENT, None, [])))

    def read(request: Request) -> Value:
        return tuple(tuple(present(item.get(name)) for name in parts) for item in list_at(request, path))

    about = f"none (absent, null or empty), 1 or 2; for each, whether it has its {', '.join(parts)}"
    return Dimension(path, values, write, read, about=about)
