"""The page of one clause: what happens, under which number, how it is tested, and what is known about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from therapy_policy import wording
from therapy_policy.policy.parameters import Parameter
from therapy_policy.policy.releases import Release
from therapy_policy.review.examples import Example
from therapy_policy.review.figures import RegoTest
from therapy_policy.review.reading import TitledRule

if TYPE_CHECKING:
    from therapy_policy.review.site import Site

TESTS_OF_PARAMETERS = "therapy/parameters/parameters_test.rego"
AREA_OF_RULES = "Rules"


@dataclass(frozen=True)
class Grant:
    """What a request type gets under a clause."""

    request_type: str
    rules: tuple[TitledRule, ...]  # that grant it; none if the page of the request type says it as a whole
    examples: tuple[Example, ...]  # that are authorized or routed under the clause


@dataclass(frozen=True)
class ClauseReason:
    """A reason that cites a clause."""

    code: str
    shared_with: tuple[str, ...]  # the other clauses that it cites
    fields: tuple[str, ...]  # the fields that it names in the worked examples, in words
    outcomes: tuple[str, ...]  # the outcomes that it decides in a class of requests
    request_types: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """What a release changed about a clause."""

    release: Release
    lines: tuple[str, ...]


class ClausePage:
    """What the page of a clause says."""

    def __init__(self, site: Site, clause: str) -> None:
        """Read what the policy, its figures and its releases have about a clause."""
        self.site = site
        self.id = clause
        self.entry: dict[str, Any] = site.policy.clauses[clause]
        self.codes = site.codes_of_clause(clause)
        self.parameters: list[Parameter] = site.parameters_of_clause(clause)
        self.rules = site.rules_of_clause(clause)
        self.entries = site.entries_of_clause(clause)
        self.paragraphs = site.policy.paragraphs(clause)
        self.interpretations = site.interpretations_of_clause(clause)

    # --- What happens

    @cached_property
    def reasons(self) -> list[ClauseReason]:
        """The reasons that cite it, in the order of the register."""
        return [
            ClauseReason(
                code,
                tuple(each for each in self.site.policy.codes[code]["clauses"] if each != self.id),
                tuple(self._fields([code])),
                tuple(self._outcomes(code)),
                tuple(self.site.types_of_code(code)),
            )
            for code in self.codes
        ]

    def _outcomes(self, code: str) -> Iterator[str]:
        types = self.site.policy.request_types
        yield from dict.fromkeys(outcome for kind in types for outcome, _ in self.site.figures.decided_by(code, kind))

    def _fields(self, codes: Iterable[str]) -> Iterator[str]:
        """The fields that reasons name in the worked examples, without the numbers of elements."""
        paths = (
            re.sub(r"/\d+(?=/|$)", "", reason["path"])
            for example in self.site.examples
            for reason in example.decision["reasons"]
            if reason["code"] in codes
        )
        yield from dict.fromkeys(wording.field_in_words(path) for path in paths)

    @cached_property
    def fields(self) -> list[str]:
        """The fields of a request that its reasons name in the worked examples."""
        return list(self._fields(self.codes))

    @cached_property
    def grants(self) -> list[Grant]:
        """What is authorized or routed under it, by request type."""
        grants = []
        for kind in self.site.policy.request_types:
            examples = tuple(example for example in self.site.same_type(kind) if self.id in example.authorized_under)
            granting = self.site.granting_rules(kind)
            own = tuple(rule for rule in granting if rule in self.rules)
            if examples or own:
                grants.append(Grant(kind, own or tuple(granting), examples))
        return grants

    @cached_property
    def grants_elsewhere(self) -> list[str]:
        """The other clauses that the entries of its numbers and lists cite, if it has no entries of its own."""
        cited = {clause for each in self.parameters for _, clause in each.entries}
        return [] if self.entries else [clause for clause in self.site.policy.clauses if clause in cited - {self.id}]

    # --- Examples

    @cached_property
    def decided(self) -> list[Example]:
        """The worked examples that it decides."""
        return [example for example in self.site.examples if self.id in example.deciding_clauses]

    @cached_property
    def cited(self) -> list[Example]:
        """The other worked examples with a decision that cites it."""
        return [
            example
            for example in self.site.examples
            if self.id in example.clauses and self.id not in example.deciding_clauses
        ]

    # --- Tests

    @cached_property
    def own_codes(self) -> list[str]:
        """Its reason codes without those that it shares, if it has any of its own."""
        return [each.code for each in self.reasons if not each.shared_with] or self.codes

    @cached_property
    def test_files(self) -> set[str]:
        """The files with the tests of the pages that have its rules."""
        return {rule.page.replace(".rego", "_test.rego") for rule in self.rules}

    @cached_property
    def own_tests(self) -> list[RegoTest]:
        """The tests of its rules: they name a reason code or an entry of this clause."""
        named = self.site.figures.tests_naming([*self.own_codes, *self.entries])
        return [
            test
            for test in named
            if test.file in self.test_files or (self.entries and test.file == TESTS_OF_PARAMETERS)
        ]

    @cached_property
    def shared_tests(self) -> list[RegoTest]:
        """The tests of its rules that only name a reason that it shares with other clauses."""
        own = {(test.file, test.row) for test in self.own_tests}
        shared = self.site.figures.tests_naming(set(self.codes) - set(self.own_codes))
        return [test for test in shared if test.file in self.test_files and (test.file, test.row) not in own]

    @cached_property
    def passing_tests(self) -> list[RegoTest]:
        """The tests of something else that name a reason code of this clause on their way."""
        return [test for test in self.site.figures.tests_naming(self.codes) if test.file not in self.test_files]

    @cached_property
    def classes(self) -> int:
        """The number of request classes that its reason codes decide."""
        return self.site.figures.classes_decided_by(self.codes)

    # --- History

    @cached_property
    def changes(self) -> list[Change]:
        """What the releases changed about it, newest first."""
        names = [self.id, *self.codes, *self.interpretations, *(each.name for each in self.parameters)]
        titles = [rule.title for rule in self.rules]
        changes = []
        for release in reversed(self.site.releases):
            lines = tuple(_lines_about(release.changes, names, titles))
            if lines:
                changes.append(Change(release, lines))
        return changes


def _lines_about(changes: Sequence[str], names: Sequence[str], titles: Sequence[str]) -> Iterator[str]:
    """The lines of a release record that name one of these things, without values and names of files."""
    for line in changes:
        area, _, rest = line.partition(": ")
        if area == AREA_OF_RULES:
            if title := next((title for title in titles if f"“{title}”" in line), None):
                yield f"Rule “{title}”: {line.rpartition(': ')[2].replace('METADATA', 'its description')}"
        elif name := next((name for name in names if rest == name or rest.startswith((f"{name}:", f"{name}."))), None):
            what = rest.removeprefix(name).lstrip(":. ")
            yield f"{name}: {'added' if what.startswith('added') else what}"
