"""The differences between two bundles, in data and in rules, and which request types they can affect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Literal

from therapy_policy.classes.policy_values import REPEATED
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.rego import DECISION, ENTRY_PACKAGE, DataPath, Rego, RegoRule


class _Nothing:
    """The value of a field that only the other bundle has."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()
PeriodStep = tuple[Literal["from"], str]  # to the period that begins on a date
Step = str | int | PeriodStep


@dataclass(frozen=True)
class Change:
    """A change of the data at a path; `old` or `new` is NOTHING if only the other bundle has a value there."""

    path: tuple[Step, ...]
    old: Any
    new: Any
    wording: bool = False  # no rule reads it, or decisions only repeat it

    @property
    def fields(self) -> tuple[str, ...]:
        """The field names of the path, up to the first list."""
        return tuple(takewhile(lambda step: isinstance(step, str), self.path))  # type: ignore[arg-type]


def data_changes(old: Any, new: Any, path: tuple[Step, ...] = ()) -> Iterator[Change]:
    """Find the smallest parts in which two documents differ; a part that only one of them has is one change."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from data_changes(old.get(name, NOTHING), new.get(name, NOTHING), (*path, name))
    elif _as_text(old) == _as_text(new):
        return
    elif _are_periods(old) and _are_periods(new):
        before, after = ({period["from"]: period["value"] for period in periods} for periods in (old, new))
        for begin in sorted({*before, *after}):
            yield from data_changes(before.get(begin, NOTHING), after.get(begin, NOTHING), (*path, ("from", begin)))
    elif isinstance(old, list) and isinstance(new, list):
        removed = [Change((*path, n), each, NOTHING) for n, each in enumerate(old) if each not in new]
        added = [Change((*path, n), NOTHING, each) for n, each in enumerate(new) if each not in old]
        yield from [*removed, *added] or [Change(path, old, new)]  # only the order or the number of repetitions differs
    else:
        yield Change(path, old, new)


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _are_periods(value: Any) -> bool:
    """Whether this is a list of periods in chronological order."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and {*each} == {"from", "value"} for each in value
    ):
        return False
    begins = [each["from"] for each in value]
    return begins == sorted({*begins})


RuleChange = Literal["removed", "added", "changed", "metadata"]


@dataclass(frozen=True)
class ChangedRule:
    """A rule, or several with one name and title, that changed; `metadata` means that only METADATA changed."""

    change: RuleChange
    file: str
    package: str
    name: str  # empty for the METADATA of the package
    title: str


@dataclass(frozen=True)
class Differences:
    """The differences between two bundles."""

    data: tuple[Change, ...]
    rules: tuple[ChangedRule, ...]
    rules_decide_differently: bool  # a rule that decisions depend on changed, in more than its METADATA
    rules_answer_differently: bool  # so did a rule on which only the answers to providers depend
    can_differ: Mapping[str, bool]  # by request type: whether decisions can differ, in more than texts they repeat


def compare_bundles(old: Bundle, new: Bundle, request_types: Sequence[str]) -> Differences:
    """Compare two bundles.

    Raises `OpaNotAvailable`.
    """
    return _Comparison(old, new).differences(request_types)


class _Comparison:
    def __init__(self, old: Bundle, new: Bundle) -> None:
        self._old, self._new = old.rego, new.rego
        self._removed = _rules_only_in(self._old, self._new)
        self._added = _rules_only_in(self._new, self._old)
        self._same_first_date_of_texts = _first_date_of_texts(old) == _first_date_of_texts(new)
        reads = self._old.reads | self._new.reads
        self._data = [
            replace(change, wording=not self._can_matter(change, reads)) for change in data_changes(old.data, new.data)
        ]

    def differences(self, request_types: Sequence[str]) -> Differences:
        changed = {rule.package for rule in (*self._removed, *self._added)}
        deciding, used = self._packages_used({DECISION}), self._packages_used({ENTRY_PACKAGE})
        return Differences(
            data=tuple(self._data),
            rules=(*_changed_rules(self._removed, self._added), *_changed_metadata(self._old, self._new)),
            # Other packages, such as the one that masks the sidecar's log, decide nothing.
            rules_decide_differently=bool(changed & deciding),
            rules_answer_differently=bool(changed & (used - deciding)),
            can_differ={name: self._can_differ(name) for name in request_types},
        )

    def _packages_used(self, start: set[DataPath]) -> set[DataPath]:
        return self._old.reachable(start, None)[0] | self._new.reachable(start, None)[0]

    def _can_differ(self, request_type: str) -> bool:
        """Whether some rule that requests of this type can reach changed, or something that such a rule reads."""
        for rules in (self._old, self._new):
            packages, reads = rules.reachable({DECISION}, request_type)
            changed = (*self._removed, *self._added)
            if any(rule.package in packages and rule.applies_to(request_type) for rule in changed):
                return True
            if any(self._can_matter(change, reads) for change in self._data):
                return True
        return False

    def _can_matter(self, change: Change, reads: Collection[DataPath]) -> bool:
        fields = change.fields
        is_read = any(path[: len(fields)] == fields[: len(path)] for path in reads)
        return is_read and not self._only_repeated(change)

    def _only_repeated(self, change: Change) -> bool:
        """Whether decisions repeat what changed, and nothing is decided by it."""
        match change.fields[1:]:
            case ("register", "policy", "version"):
                return True
            case ("register", "reason_codes", _, "message") | ("request", "forms", _, "expected"):
                return isinstance(change.old, str) and isinstance(change.new, str)
            case ("register", "reason_codes", _, "remedy"):
                return all(each is None or isinstance(each, str) for each in (change.old, change.new))
            case ("register", "standard_answers", _, "source" | "verified"):
                return True
            case ("parameters", parameter, *_) if parameter == REPEATED:
                return self._same_first_date_of_texts
        # A text that no rule reads by name, such as the service of a procedure code. Rules do ask whether the entry of
        # a clause or an interpretation exists.
        match change.path[1:]:
            case (
                ("parameters", *_, tuple(), str(), str(name))
                | ("register", "clauses", _, "summary" as name)
                | ("register", "interpretations", _, ("silence" | "choice") as name)
            ):
                texts = all(each is NOTHING or isinstance(each, str) for each in (change.old, change.new))
                return texts and name not in self._old.words | self._new.words
        return False


def _first_date_of_texts(bundle: Bundle) -> str | None:
    periods = bundle.data["therapy"]["parameters"].get(REPEATED, {}).get("periods")
    return str(periods[0]["from"]) if periods else None


def _rules_only_in(rules: Rego, others: Rego) -> list[RegoRule]:
    left = Counter((rule.package, rule.content) for rule in others.rules)
    only_here = []
    for rule in rules.rules:
        if left[rule.package, rule.content]:
            left[rule.package, rule.content] -= 1
        else:
            only_here.append(rule)
    return only_here


def _changed_rules(removed: list[RegoRule], added: list[RegoRule]) -> Iterator[ChangedRule]:
    before, after = ({_identity(rule) for rule in rules} for rules in (removed, added))
    for identity in sorted(before | after):
        change: RuleChange = "added" if identity not in before else "changed" if identity in after else "removed"
        yield ChangedRule(change, *identity)


def _identity(rule: RegoRule) -> tuple[str, str, str, str]:
    return rule.file, ".".join(rule.package), rule.name, rule.title or ""


def _changed_metadata(old: Rego, new: Rego) -> Iterator[ChangedRule]:
    """The rules and packages of which only the METADATA changed."""
    before = {(rule.package, rule.content): rule for rule in old.rules}
    for rule in new.rules:
        same = before.get((rule.package, rule.content))
        if same and same.metadata != rule.metadata:
            yield ChangedRule("metadata", rule.file, ".".join(rule.package), rule.name, rule.title or "")
    metadata_before = {(page.package, page.file): page.metadata for page in old.pages}
    for page in new.pages:
        if metadata_before.get((page.package, page.file), page.metadata) != page.metadata:
            yield ChangedRule("metadata", page.file, ".".join(page.package), "", page.title)
