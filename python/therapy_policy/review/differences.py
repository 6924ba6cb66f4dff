"""What differs between two policies, for a page: numbers before and after, other decisions, new words, changed rules.

The record of a release has each change as a line of text, and `therapy-policy diff` has it as JSON. Here both become
the same parts, which the same macros show (templates/differences.html).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from therapy_policy.change.diff import AREAS, FOUND_BY, RULE_CHANGES
from therapy_policy.policy.parameters import parameters_of
from therapy_policy.policy.releases import Release
from therapy_policy.review.requests import Layout, in_words, layout
from therapy_policy.wording import authorized_in_words, count_of

Json = Mapping[str, Any]

NUMBERS, CODES = AREAS["parameters",], AREAS["register", "reason_codes"]
CLAUSES, INTERPRETATIONS = AREAS["register", "clauses"], AREAS["register", "interpretations"]
FIELDS, RULES = AREAS["request", "forms"], "Rules"
GENERATED = "Tables"

MAX_REASONS = 6  # of a decision on a card; the others are counted
LONG = 120  # characters of a text of an invented request that a page shows

# How a rule changed, as the heading above the rules that did.
RULES_IN_WORDS = {
    "added": "New rules",
    "removed": "Rules that are gone",
    "changed": "Rules that are written differently",
    "metadata": "Rules of which only the title or the description changed",
}
DATES = {"passed": "dates that had passed", "to come": "dates to come", "any": "any date"}
# What the format says of a field of a request.
LIMITS = {
    "most": "most elements",
    "least": "fewest elements",
    "expected": "what is expected",
    "characters": "characters that it may have",
}


class _Nothing:
    """No value: the other policy has one there, or the record does not repeat it."""


NOTHING = _Nothing()


@dataclass(frozen=True)
class Change:
    """A change of the data, or the number of changes where a record only counts them."""

    area: str
    subject: str = ""  # such as a parameter, a reason code, a clause or a request type; empty if only counted
    part: str = ""  # below the subject, such as nonacute.treatment
    start: str | None = None  # YYYY-MM-DD, the first date that it applies to
    through: str | None = None  # YYYY-MM-DD
    before: Any = NOTHING
    after: Any = NOTHING
    wording: bool = False
    count: str = ""  # such as "new wording in 65 places"

    @property
    def has_values(self) -> bool:
        """Whether a value before or after is known."""
        return self.before is not NOTHING or self.after is not NOTHING


@dataclass(frozen=True)
class ChangedRule:
    """A rule that changed."""

    how: str  # a key of RULES_IN_WORDS
    title: str  # empty for a helper
    name: str
    file: str


@dataclass(frozen=True)
class Decided:
    """A decision in words."""

    outcome: str
    authorized: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Flip:
    """Requests that get another decision, shown by the smallest of them."""

    request_type: str
    before: str  # the outcome
    after: str
    count: str  # such as "180 classes of requests"
    dates: str  # in words; empty if it was not asked
    request: Any
    details: tuple[tuple[str, str], ...] = ()  # label and text
    decisions: tuple[Decided, Decided] | None = None  # by both policies; None if the record does not have them
    what_changed: str = ""  # in a few words, such as "authorizes more"; empty if the record does not have it

    @property
    def layout(self) -> Layout:
        """The smallest request in words, without its type."""
        return request_layout(self.request)


@dataclass(frozen=True)
class Differences:
    """All that differs between two policies."""

    changes: tuple[Change, ...]
    rules: tuple[ChangedRule, ...]
    rule_counts: tuple[tuple[str, int], ...]  # how, and how many, where a record only counts
    flips: tuple[Flip, ...]
    lines: tuple[str, ...] = field(repr=False)  # as `diff` and the record write them

    @property
    def numbers(self) -> list[Change]:
        """The numbers and lists that changed, with their values."""
        return [change for change in self.changes if _is_number(change)]

    def areas(self) -> list[tuple[str, list[Change]]]:
        """The other changes of the data that people read, by area."""
        shown = [change for change in self.changes if not _is_number(change) and change.area != GENERATED]
        shown = [change for change in shown if (change.subject, change.part) != ("policy", "version")]
        return [(area, list(of_area)) for area, of_area in groupby(shown, lambda change: change.area)]

    def titled_rules(self) -> list[tuple[str, list[str], int, int]]:
        """By how rules changed: the heading, the titles, the number of helpers, and the number only counted."""
        found = []
        for how, heading in RULES_IN_WORDS.items():
            rules = [rule for rule in self.rules if rule.how == how]
            titles = list(dict.fromkeys(rule.title for rule in rules if rule.title))
            counted = sum(number for each, number in self.rule_counts if each == how)
            if rules or counted:
                found.append((heading, titles, sum(not rule.title for rule in rules), counted))
        return found


def _is_number(change: Change) -> bool:
    return change.area == NUMBERS and change.has_values and not change.wording


# --- From the record of a release ------------------------------------------------------------------------------------

_SUFFIX = re.compile(r" \((?:wording only|new period|period removed)\)$")
_RULE = re.compile(r"(?P<file>\S+): (?:“(?P<title>.*)”|`(?P<name>.*)`|its METADATA): (?P<how>[^:]+)", re.DOTALL)
_RULE_COUNT = re.compile(r"(?P<how>[^:]+): (?P<number>\d+) rules")
_COUNT = re.compile(r"\d+ changes|new wording in \d+ places")
_PERIOD = re.compile(r"from (\d{4}-\d\d-\d\d)(?: through (\d{4}-\d\d-\d\d))?")


def differences_of_record(release: Release, names: Names) -> Differences:
    """Read what the record of a release says of the one before it."""
    changes: list[Change] = []
    rules: list[ChangedRule] = []
    counts: list[tuple[str, int]] = []
    hows = {text: how for how, text in RULE_CHANGES.items()}
    for line in release.changes:
        area, _, rest = line.partition(": ")
        if area != RULES:
            changes += names.divided(_change_of_line(area, rest, names))
        elif found := _RULE_COUNT.fullmatch(rest):
            counts.append((hows[found["how"]], int(found["number"])))
        elif found := _RULE.fullmatch(rest):
            title, name = found["title"] or "", found["name"] or ""
            rules.append(ChangedRule(hows[found["how"]], "" if title == found["file"] else title, name, found["file"]))
    flips = [
        Flip(
            flip["request_type"],
            flip["old"],
            flip["new"],
            count_of(flip["count"], *FOUND_BY[flip["found_by"]]),
            DATES[flip["dates"]],
            flip["smallest"],
        )
        for flip in release.flips
    ]
    return Differences(tuple(changes), tuple(rules), tuple(counts), tuple(flips), tuple(release.changes))


def _change_of_line(area: str, text: str, names: Names) -> Change:
    if _COUNT.fullmatch(text):
        return Change(area, count=text)
    place, _, change = text.partition(": ")
    found = _placed(area, place, names)
    if change == "new wording":
        return found(wording=True)
    wording = change.endswith(" (wording only)")
    change = _SUFFIX.sub("", change)
    for word, side in (("added: ", "after"), ("removed: ", "before")):
        if change.startswith(word):
            return found(wording=wording, **{side: _value(change.removeprefix(word))})
    before, arrow, after = change.partition(" → ")
    if arrow:
        return found(wording=wording, before=_value(before), after=_value(after))
    return found(count=change)


def _placed(area: str, place: str, names: Names) -> Callable[..., Change]:
    """Return a function that makes the change at a place, such as `outpatient_pt.initial_visits, from 2027-01-01`."""
    first, *more = place.split(", ")
    start = through = None
    if more and (period := _PERIOD.fullmatch(more[0])):
        start, through, *_ = [*period.groups()]
        more = more[1:]
    subject = names.subject(area, first)
    part = ".".join(filter(None, [first.removeprefix(subject).lstrip("."), *more]))
    return lambda **values: Change(area, subject, part, start, through, **values)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# --- From the document of a comparison -------------------------------------------------------------------------------


def differences_of_document(document: Json, names: Names, lines: Iterable[str]) -> Differences:
    """Read the document of `therapy-policy diff`; `lines` has its changes as text."""
    changes: list[Change] = []
    for each in document["data"]:
        sides = {"before": each["old"]} if "old" in each else {}
        sides |= {"after": each["new"]} if "new" in each else {}
        if sides:
            place = _placed(each["area"], each["place"], names)
            changes += names.divided(place(wording=each["wording"], **sides))
        else:
            changes.append(Change(each["area"], count=each["place"]))
    rules = (
        ChangedRule(each["change"], each["title"] or "", each["rule"] or "", each["file"]) for each in document["rules"]
    )
    flips = (_flip(each["request_type"], kind) for each in document["flips"] for kind in each["kinds"])
    return Differences(tuple(changes), tuple(rules), (), tuple(flips), tuple(lines))


def _flip(request_type: str, kind: Json) -> Flip:
    witness = kind["witness"]
    details = [
        ("Reasons that are gone", ", ".join(kind["reasons_removed"])),
        ("New reasons", ", ".join(kind["reasons_added"])),
        ("Reasons that differ", ", ".join(kind["reasons_changed"])),
        ("What else differs", ", ".join(map(in_words, kind["other_changes"]))),
        ("Authorizes", "more than before" if kind["authorizes_more"] else ""),
        ("What these requests share", "; ".join(f"{name_in_words(n)}: {text}" for n, text in kind["shared"].items())),
    ]
    parts = [
        "authorizes more" if kind["authorizes_more"] else "",
        "new reasons" if kind["reasons_added"] else "",
        "reasons that are gone" if kind["reasons_removed"] else "",
        "details of a reason" if kind["reasons_changed"] else "",
        "other details" if kind["other_changes"] else "",
    ]
    return Flip(
        request_type,
        kind["old_outcome"],
        kind["new_outcome"],
        count_of(kind["count"], *FOUND_BY[kind["found_by"]]),
        "" if kind.get("passed") is None else DATES["passed" if kind["passed"] else "to come"],
        witness["request"],
        tuple((label, text) for label, text in details if text),
        (_decided(witness["old"]), _decided(witness["new"])),
        ", ".join(filter(None, parts)),
    )


def _decided(decision: Json | None) -> Decided:
    if decision is None:
        return Decided("no_decision", "nothing", ())
    reasons = (
        f"{each['message']} ({', '.join(each['clauses'])})" if each["clauses"] else each["message"]
        for each in decision["reasons"]
    )
    return Decided(decision["outcome"], authorized_in_words(decision["authorized"]), tuple(dict.fromkeys(reasons)))


# --- In words --------------------------------------------------------------------------------------------------------


class Names:
    """The titles of parameters and request types, for changes that name them as the data does."""

    def __init__(self, data: Json, schema: Json) -> None:
        """Read them from the data of a bundle and from the published schema."""
        parameters = parameters_of(data["therapy"]["parameters"])
        self._titles = {name: each.title for name, each in parameters.items()}
        self.clauses_of_parameters = {name: each.clauses for name, each in parameters.items()}
        self._types = {
            name: str(schema["definitions"][name]["title"]) for name in schema["properties"]["request_type"]["enum"]
        }
        self._first_date = f"{min(data['therapy']['lib']['calendar']['years'])}-01-01"

    def subject(self, area: str, place: str) -> str:
        """Return what a place such as `PT-3.summary` belongs to."""
        if area != NUMBERS:
            return re.split(r"[.\[]", place, maxsplit=1)[0]
        return next((name for name in self._titles if f"{place}.".startswith(f"{name}.")), place)

    def divided(self, change: Change) -> Iterator[Change]:
        """Yield a change, or one for each period of a parameter that only one policy has."""
        for side in ("before", "after"):
            value = getattr(change, side)
            if change.area == NUMBERS and not change.part and isinstance(value, dict) and "periods" in value:
                [parameter] = parameters_of({change.subject: value}).values()
                self._titles.setdefault(change.subject, parameter.title)
                for period in parameter.periods:
                    sides = {side: period.value}
                    yield Change(change.area, change.subject, "", period.start, period.end, **sides)
                return
        yield change

    def type_in_words(self, name: str) -> str:
        """Return the title of a request type."""
        return self._types.get(name, name_in_words(name))

    def subject_in_words(self, change: Change) -> str:
        """Return what changed, without the part."""
        if change.area == NUMBERS:
            return self._titles.get(change.subject, name_in_words(change.subject))
        if change.area == FIELDS:
            return self._types.get(change.subject, "Every request")
        if change.area in (CODES, CLAUSES, INTERPRETATIONS):
            return change.subject
        return name_in_words(change.subject).capitalize()

    def part_in_words(self, change: Change) -> str:
        """Return the part of what changed; empty if it is the whole of it."""
        part = change.part
        if change.area == FIELDS and change.subject not in self._types:
            part = f"{change.subject}.{part}"
        return name_in_words(part)

    def change_in_words(self, change: Change) -> str:
        """Return a change in one line, without the values of lists and other long ones."""
        what = " › ".join(filter(None, [self.subject_in_words(change), self.part_in_words(change)]))
        dates = f" ({dates})" if (dates := self.dates_in_words(change)) else ""
        before, after = value_layout(change.before), value_layout(change.after)
        if not change.has_values:
            how = change.count or "new wording"
        elif change.before is NOTHING:
            how = f"added: {after.text}" if after.kind == "text" else "added"
        elif change.after is NOTHING:
            how = f"removed: {before.text}" if before.kind == "text" else "removed"
        elif before.kind == after.kind == "text":
            how = f"{before.text} before, {after.text} now"
        else:
            how = "changed"
        return f"{what}{dates}: {how}"

    def grouped(self, changes: Iterable[Change]) -> list[str]:
        """Return changes without values in one line each; several with the same words are counted."""
        lines = Counter(self.change_in_words(change) if change.subject else change.count for change in changes)
        return [line if number == 1 else f"{line} ({number} times)" for line, number in lines.items()]

    def dates_in_words(self, change: Change) -> str:
        """Return the dates that a change applies to; empty if it has none."""
        if change.start is None:
            return ""
        if change.start <= self._first_date:
            return f"every date through {change.through}" if change.through else "every date"
        return f"from {change.start}" + (f" through {change.through}" if change.through else "")


def for_templates(names: Names, link_to: Callable[[Change], str | None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the filters and the global names that templates/differences.html uses.

    `link_to` gives the address of what a change belongs to, or None.
    """
    filters = {
        "words": in_words,
        "counted": count_of,
        "is_there": lambda value: value is not NOTHING,
        "value": value_layout,
        "json": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    }
    return filters, {"names": names, "link_to": link_to, "MAX_REASONS": MAX_REASONS}


def name_in_words(path: str) -> str:
    """Return a dotted path of the data in words, such as "nonacute › treatment"."""
    steps = [re.sub(r"\[\d+\]$", "", step).removesuffix("?") for step in path.split(".")]
    limit = LIMITS.get(steps[-1], "") if len(steps) > 1 else ""
    steps = steps[:-1] if limit else steps
    words = " › ".join(in_words(step) for step in steps if step not in ("", "fields", "element"))
    return f"{words}: {limit}" if limit else words


def value_layout(value: Any) -> Layout:
    """Return the layout of a value of the data, without what a reader does not ask for."""
    if value is None or value is NOTHING:
        return Layout("text", text="nothing")
    if isinstance(value, str) and value.endswith("?") and " " not in value:  # a field of a request and its kind
        return Layout("text", text=f"{in_words(value.removesuffix('?'))}, optional")
    return layout(_readable(value))


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _readable(each) for name, each in value.items() if each is not None and name != "order"}
    return _inline([_readable(each) for each in value]) if isinstance(value, list) else value


def _inline(values: list[Any]) -> Any:
    """A list of plain values as one text."""
    if not values or any(isinstance(each, dict | list) for each in values):
        return values
    return ", ".join(map(in_words, values))


def request_layout(request: Any) -> Layout:
    """Return the layout of an invented request without its type, with long texts and repeated elements counted."""
    if isinstance(request, dict):
        request = {name: value for name, value in request.items() if name != "request_type"}
    return layout(_counted(request))


def _counted(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONG:
        return f"{value[:LONG]} … ({count_of(len(value), 'character')})"
    if isinstance(value, dict):
        return {name: _counted(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    runs = [(each, len([*run])) for each, run in groupby(value)]
    if any(number > 3 for _, number in runs) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(
            f"{_counted(each)} ({number} times)" if number > 1 else str(_counted(each)) for each, number in runs
        )
    if len(runs) == 1 and len(value) > 3:
        return {f"{len(value)} elements, all alike": _counted(value[0])}
    return _inline([_counted(each) for each in value])
