"""What two bundles say differently: in their data, place by place, and in their rules; and what that can bear on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from therapy_policy.classes.policy_values import REPEATED
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.rego import ENTRY_PACKAGE, DataPath, Rego, RegoRule


class _Nothing:
    """Stands for what is not there."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()
Period = tuple[Literal["from"], str]  # a step to the period that begins on a date
Step = str | int | Period


@dataclass(frozen=True)
class Change:
    """Something that stands otherwise at a place of the data, or in one of the two only."""

    path: tuple[Step, ...]
    old: Any
    new: Any

    @property
    def members(self) -> tuple[str, ...]:
        """The path as far as the first list."""
        names = [step if isinstance(step, str) else None for step in self.path]
        return tuple(name for name in names[: names.index(None) if None in names else None] if name is not None)


def changes(old: Any, new: Any, path: tuple[Step, ...] = ()) -> Iterator[Change]:
    """The smallest places at which two documents differ; what only one of them has is one place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from changes(old.get(name, NOTHING), new.get(name, NOTHING), (*path, name))
    elif _written(old) == _written(new):
        return
    elif _are_periods(old) and _are_periods(new):
        before, after = ({period["from"]: period["value"] for period in periods} for periods in (old, new))
        for begin in sorted({*before, *after}):
            yield from changes(before.get(begin, NOTHING), after.get(begin, NOTHING), (*path, ("from", begin)))
    elif isinstance(old, list) and isinstance(new, list):
        gone = [Change((*path, n), each, NOTHING) for n, each in enumerate(old) if each not in new]
        come = [Change((*path, n), NOTHING, each) for n, each in enumerate(new) if each not in old]
        yield from [*gone, *come] or [Change(path, old, new)]  # another order, or one of them more often
    else:
        yield Change(path, old, new)


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _are_periods(value: Any) -> bool:
    """Whether this is a list of periods in order of time."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and {*each} == {"from", "value"} for each in value
    ):
        return False
    begins = [each["from"] for each in value]
    return begins == sorted({*begins})


RuleChange = Literal["gone", "come", "other", "words"]


@dataclass(frozen=True)
class ChangedRule:
    """A rule, or several of one name and title, that say something else; `words` is METADATA alone."""

    change: RuleChange
    file: str
    package: str
    name: str  # empty where it is the METADATA of the package
    title: str


@dataclass(frozen=True)
class Differences:
    """What two bundles say differently."""

    old: Rego
    new: Rego
    data: tuple[Change, ...]
    rules: tuple[ChangedRule, ...]
    changed: tuple[RegoRule, ...]  # each that says what no rule of the other bundle says in its place
    repeated_alike: bool  # whether what decisions only repeat begins on the same date

    @property
    def in_rules(self) -> bool:
        """Whether rules that decide say something else; those of the sidecar's own working decide nothing."""
        return any(rule.package[:1] == ENTRY_PACKAGE for rule in self.changed)

    def is_wording(self, change: Change) -> bool:
        """Whether no rule reads what changed, or decisions only repeat it."""
        return not self._can_matter(change, self.old.reads | self.new.reads)

    def can_bear_on(self, request_type: str) -> bool:
        """Whether a decision on a request of this type can differ, in anything but texts that it repeats.

        It cannot where no rule differs that it can ask, nor anything that such a rule can read.
        """
        for rules in (self.old, self.new):
            packages, read = rules.reachable({ENTRY_PACKAGE}, request_type)
            if any(rule.package in packages and rule.applies_to(request_type) for rule in self.changed):
                return True
            if any(self._can_matter(change, read) for change in self.data):
                return True
        return False

    def _can_matter(self, change: Change, read: Collection[DataPath]) -> bool:
        place = change.members
        within = any(path[: len(place)] == place[: len(path)] for path in read)
        return within and not self._only_repeated(change)

    def _only_repeated(self, change: Change) -> bool:
        match change.members[1:]:
            case ("register", "policy", "version"):
                return True
            case ("register", "reason_codes", _, "message") | ("request", "forms", _, "expected"):
                return isinstance(change.old, str) and isinstance(change.new, str)
            case ("register", "reason_codes", _, "remedy"):
                return all(each is None or isinstance(each, str) for each in (change.old, change.new))
            case ("parameters", parameter, *_) if parameter == REPEATED:
                return self.repeated_alike
        # A text in an entry of a parameter, under a name that no rule has, such as the service of a procedure code.
        match change.path[1:]:
            case ("parameters", *_, tuple(), str(), str(name)):
                texts = all(each is NOTHING or isinstance(each, str) for each in (change.old, change.new))
                return texts and name not in self.old.words | self.new.words
        return False


def differences(old: Bundle, new: Bundle) -> Differences:
    """Raises `OpaNotAvailable`."""
    rules_before, rules_after = old.rego, new.rego
    gone, come = _only_in(rules_before, rules_after), _only_in(rules_after, rules_before)
    return Differences(
        rules_before,
        rules_after,
        tuple(changes(old.data, new.data)),
        (*_changed(gone, come), *_reworded(rules_before, rules_after)),
        (*gone, *come),
        _begin_of_repeated(old) == _begin_of_repeated(new),
    )


def _begin_of_repeated(bundle: Bundle) -> str | None:
    periods = bundle.data["therapy"]["parameters"].get(REPEATED, {}).get("periods")
    return str(periods[0]["from"]) if periods else None


def _only_in(rules: Rego, others: Rego) -> list[RegoRule]:
    left = Counter((rule.package, rule.content) for rule in others.rules)
    found = []
    for rule in rules.rules:
        if left[rule.package, rule.content]:
            left[rule.package, rule.content] -= 1
        else:
            found.append(rule)
    return found


def _changed(gone: list[RegoRule], come: list[RegoRule]) -> Iterator[ChangedRule]:
    before, after = ({_known_by(rule): rule for rule in rules} for rules in (gone, come))
    for known_by, rule in sorted({**before, **after}.items()):
        change: RuleChange = "other" if known_by in before and known_by in after else "gone"
        yield ChangedRule("come" if known_by not in before else change, rule.file, *known_by[1:])


def _known_by(rule: RegoRule) -> tuple[str, str, str, str]:
    return rule.file, ".".join(rule.package), rule.name, rule.title or ""


def _reworded(old: Rego, new: Rego) -> Iterator[ChangedRule]:
    """Rules that say the same under another METADATA, and packages with another one."""
    before = {(rule.package, rule.content): rule for rule in old.rules}
    for rule in new.rules:
        same = before.get((rule.package, rule.content))
        if same and same.metadata != rule.metadata:
            yield ChangedRule("words", rule.file, ".".join(rule.package), rule.name, rule.title or "")
    pages_before = {page.package: page for page in old.pages}
    for page in new.pages:
        if page.package in pages_before and pages_before[page.package].metadata != page.metadata:
            yield ChangedRule("words", page.file, ".".join(page.package), "", page.title)
