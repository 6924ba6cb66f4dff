"""The values of the policy in words, each with the dates when it applies: "5; 8 from 2027-01-01"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from therapy_policy.policy.parameters import Parameter
from therapy_policy.review.reading import PolicyView
from therapy_policy.review.requests import in_words
from therapy_policy.review.tracing import ANY, SUM, Origin, Steps

CLAUSE = "clause"  # the field of an entry that cites its clause; it is shown as a clause, not as a value


@dataclass(frozen=True)
class DatedText:
    """A value in words, from the date `start` through the date `end`."""

    text: str
    start: str | None  # YYYY-MM-DD; None for the first date that a request can have
    end: str | None  # YYYY-MM-DD; None while no other value follows
    value: Any = field(compare=False)  # as the policy has it; of a table, the names of its entries

    @property
    def when(self) -> str:
        """Its dates in words, such as "from 2022-06-01 through 2026-12-31"."""
        start = f"from {self.start}" if self.start else ""
        end = f"through {self.end}" if self.end else ""
        return " ".join(filter(None, (start, end))) or "every date"


@dataclass(frozen=True)
class Entry:
    """One entry of a value, such as the acute tier; without a name if there is only one."""

    name: str  # in words, or ""
    key: str  # as the policy spells it, or ""
    clause: str | None  # its own clause, if it cites one
    periods: tuple[DatedText, ...]  # the oldest first

    @property
    def in_words(self) -> str:
        """Its values with the dates of the later ones, such as "5; 8 from 2027-01-01"."""
        return "; ".join(self._with_later_dates())

    @property
    def in_a_sentence(self) -> str:
        """The same for the middle of a sentence, such as "5, and 8 from 2027-01-01"."""
        return ", and ".join(self._with_later_dates())

    def _with_later_dates(self) -> Iterator[str]:
        first, *later = self.periods
        yield first.text
        yield from (f"{each.text} from {each.start}" for each in later)

    @property
    def with_dates(self) -> str:
        """Its values with all dates, such as "5 from 2022-06-01"."""
        return "; ".join(
            each.text if each.when == "every date" else f"{each.text} {each.when}" for each in self.periods
        )


@dataclass(frozen=True)
class PolicyValue:
    """A parameter or a part of one that a rule uses."""

    parameter: str  # the name, such as outpatient_pt.initial_visits
    title: str
    clauses: tuple[str, ...]
    part: str  # of the parameter, in words, such as "treatment"; or ""
    entries: tuple[Entry, ...]

    @property
    def in_words(self) -> str:
        """All entries, such as "nonacute: 5; 8 from 2027-01-01 · acute: 11"."""
        return " · ".join(f"{each.name}: {each.in_words}" if each.name else each.in_words for each in self.entries)

    @property
    def with_dates(self) -> str:
        """All entries with all dates, such as "nonacute: 5 from 2022-06-01 · acute: 11 from 2022-06-01"."""
        return " · ".join(f"{each.name}: {each.with_dates}" if each.name else each.with_dates for each in self.entries)

    @property
    def in_a_sentence(self) -> str:
        """All entries for the middle of a sentence, such as "5 (nonacute) or 11 (acute)"."""
        names: dict[str, list[str]] = {}
        for each in self.entries:
            names.setdefault(each.in_a_sentence, []).append(each.name)
        if len(names) == 1:
            return next(iter(names))
        return in_a_row([f"{text} ({', '.join(those)})" for text, those in names.items()], "or")

    def for_clause(self, clause: str) -> PolicyValue:
        """The same value with the entries of one clause; all of them if none cites it."""
        entries = tuple(each for each in self.entries if each.clause == clause)
        return replace(self, entries=entries or self.entries)

    @property
    def is_list(self) -> bool:
        """Whether it is a whole list, whose entries are not told apart."""
        return any(isinstance(dated.value, list) for each in self.entries for dated in each.periods)

    @property
    def name(self) -> str:
        """Its title, with the part, such as "Initial visits of a referral, by tier: treatment"."""
        return f"{self.title}: {self.part}" if self.part else self.title


def in_a_row(texts: list[str], word: str) -> str:
    """A list in words: "a, b or c"."""
    return f" {word} ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def values_from(policy: PolicyView, origins: Iterable[Origin]) -> tuple[PolicyValue, ...]:
    """Return the values of the policy among the origins of something, each once; clauses of entries do not count."""
    found: dict[tuple[str, str], PolicyValue] = {}
    for origin in origins:
        if origin.kind == "parameter" and origin.steps[-1:] != (CLAUSE,):
            value = _value(policy, policy.parameters[origin.name], origin.steps, counted=origin.counted)
            if value.entries:
                found.setdefault((value.name, value.in_words), value)
    whole = {value.parameter for value in found.values() if not value.part}
    return tuple(value for value in found.values() if not value.part or value.parameter not in whole)


def parts_read(policy: PolicyView, origins: Iterable[Origin]) -> tuple[PolicyValue, ...]:
    """Return the values of the policy that a rule depends on, even if it only counts their entries."""
    return values_from(policy, (replace(origin, counted=False) for origin in origins))


def whole_value(policy: PolicyView, parameter: Parameter, clause: str) -> PolicyValue:
    """Return a parameter as a whole; if entries of it cite the clause, those alone."""
    if clause in dict(parameter.entries).values():
        periods = (
            replace(period, value={name: each for name, each in period.value.items() if each.get(CLAUSE) == clause})
            for period in parameter.periods
        )
        parameter = replace(parameter, periods=tuple(periods))
    return _value(policy, parameter, (), counted=False)


def each_entry(policy: PolicyView, parameter: Parameter, clause: str) -> PolicyValue:
    """Return a parameter with the fields of its entries; if entries of it cite the clause, those alone."""
    names = list(dict.fromkeys(name for name, cited in parameter.entries if cited == clause))
    if not names:
        return _value(policy, parameter, (), counted=False)
    entries: list[Entry] = []
    for name in names:
        periods = (replace(period, value=_fields(period.value.get(name))) for period in parameter.periods)
        [entry] = _value(policy, replace(parameter, periods=tuple(periods)), (), counted=False).entries
        entries.append(replace(entry, name=in_words(name), key=name, clause=clause))
    return PolicyValue(parameter.name, parameter.title, parameter.clauses, "", tuple(entries))


def _fields(entry: dict[str, Any] | None) -> str | None:
    if entry is None:
        return None
    return ", ".join(f"{in_words(name)}: {_text(each)}" for name, each in entry.items() if name != CLAUSE and each)


def clauses_from(policy: PolicyView, origins: Iterable[Origin]) -> tuple[str, ...]:
    """Return the clauses among the origins of something, in the order of the source."""
    found: set[str] = set()
    for origin in origins:
        if origin.kind == "constant":
            found.add(origin.name)
        elif origin.kind == "clauses":
            found.update(policy.parameters[origin.name].clauses)
        elif origin.kind == "parameter" and origin.steps[-1:] == (CLAUSE,):
            for period in policy.parameters[origin.name].periods:
                found.update(str(leaf) for _, leaf in _leaves(period.value, origin.steps))
    return tuple(clause for clause in policy.clauses if clause in found)


def _value(policy: PolicyView, parameter: Parameter, steps: Steps, *, counted: bool) -> PolicyValue:
    dated: dict[str, list[DatedText]] = {}
    cited = dict(parameter.entries)
    for period in parameter.periods:
        leaves = {key: _plain(leaf, counted=counted) for key, leaf in _leaves(period.value, steps)}
        start = period.start if period.start > policy.first_date else None
        for key in dict.fromkeys([*dated, *leaves]):
            value, earlier = leaves.get(key), dated.setdefault(key, [])
            same = earlier.pop() if earlier and earlier[-1].value == value else None
            earlier.append(DatedText(_text(value), same.start if same else start, period.end, value))
    entries = tuple(Entry(in_words(key), key, cited.get(key), tuple(each)) for key, each in dated.items())
    named = [step for step in steps if step != ANY]
    part = in_words(named[-1]) if named and entries else ""
    return PolicyValue(parameter.name, parameter.title, parameter.clauses, part, entries)


def _leaves(value: Any, steps: Steps, key: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of a value that the steps lead to, each with the entry that it belongs to.

    A step to any entry of a whole list leads to the list itself.
    """
    if not steps or not isinstance(value, dict) or (steps == (ANY,) and _is_table(value)):
        yield key, value
    elif steps[0] == ANY:
        for name, each in value.items():
            if name != CLAUSE:
                yield from _leaves(each, steps[1:], f"{key}, {name}" if key else name)
    elif SUM in steps[0]:
        yield key, sum(value[each] for each in steps[0].split(SUM))
    elif steps[0] in value:
        yield from _leaves(value[steps[0]], steps[1:], key)


def _is_table(value: dict[str, Any]) -> bool:
    return all(isinstance(each, dict) for each in value.values())


def _plain(leaf: Any, *, counted: bool) -> Any:
    """A part of a value without the fields of its entries: of a table, their names; or their number."""
    names = list(leaf) if isinstance(leaf, dict) and _is_table(leaf) else leaf
    return len(names) if counted else names


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{in_words(name)} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return in_words(value)
