"""The page of one clause: what happens, under which number, how it is tested, and what is known about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from therapy_policy import wording
from therapy_policy.policy.parameters import Parameter
from therapy_policy.review import decision_tables
from therapy_policy.review.decision_tables import Message, Row
from therapy_policy.review.examples import Example
from therapy_policy.review.figures import RegoTest
from therapy_policy.review.policy_values import PolicyValue, each_entry
from therapy_policy.review.site_parts import SiteParts
from therapy_policy.review.versions import ClauseHistory

TESTS_OF_PARAMETERS = "therapy/parameters/parameters_test.rego"


@dataclass(frozen=True)
class Grant:
    """What a request type gets under a clause."""

    request_type: str
    row: Row  # of its decision table
    under: bool  # whether the approval cites the clause; otherwise the clause is a condition for it
    amounts: tuple[str, ...]  # what numbers of the clause grant, in words; only its own entries of a list
    examples: tuple[Example, ...]  # that are authorized or routed under the clause


@dataclass(frozen=True)
class ClauseReason:
    """A reason that cites a clause."""

    code: str
    message: Message  # with the values of the policy
    remedy: Message
    shared_with: tuple[str, ...]  # the other clauses that it cites
    outcomes: tuple[str, ...]  # the outcomes that it decides in a class of requests
    request_types: tuple[str, ...]


class ClausePage:
    """What the page of a clause says."""

    def __init__(self, site: SiteParts, clause: str) -> None:
        """Read what the policy, its figures and its releases have about a clause."""
        self.site = site
        self.id = clause
        self.entry: dict[str, Any] = site.policy.clauses[clause]
        self.codes = site.policy.codes_of_clause(clause)
        self.parameters: list[Parameter] = site.policy.parameters_of_clause(clause)
        self.rules = site.policy.rules_of_clause(clause)
        self.entries = site.policy.entries_of_clause(clause)
        self.paragraphs = site.policy.paragraphs(clause)
        self.interpretations = site.policy.interpretations_of_clause(clause)

    # --- What happens

    @cached_property
    def reasons(self) -> list[ClauseReason]:
        """The reasons that cite it, in the order of the register."""
        return [
            ClauseReason(
                code,
                *self.site.tables.message(code),
                tuple(each for each in self.site.policy.codes[code]["clauses"] if each != self.id),
                tuple(self._outcomes(code)),
                tuple(self.site.policy.types_of_code(code)),
            )
            for code in self.codes
        ]

    def _outcomes(self, code: str) -> Iterator[str]:
        types = self.site.policy.request_types
        yield from dict.fromkeys(outcome for kind in types for outcome, _ in self.site.figures.decided_by(code, kind))

    @cached_property
    def fields(self) -> list[str]:
        """The fields of a request that its reasons name, in words."""
        return [wording.field_in_words(path) for path in self.site.figures.fields_of_clause(self.id)]

    @cached_property
    def grants(self) -> list[Grant]:
        """What is authorized or routed under it, or only if it is met, by request type."""
        grants = []
        for kind, table in self.site.tables.tables.items():
            examples = tuple(example for example in self.site.same_type(kind) if self.id in example.authorized_under)
            for row in table.rows:
                of_conditions = {
                    clause for condition in row.conditions for value in condition.values for clause in value.clauses
                }
                if row.granting and (self.id in row.clauses or self.id in of_conditions):
                    amounts = tuple(filter(None, map(self._amount, row.grants)))
                    grants.append(Grant(kind, row, self.id in row.clauses, amounts, examples))
        return grants

    def _amount(self, grant: decision_tables.Grant) -> str | None:
        """What a grant is by the numbers of the clause, such as "treatment visits: 11"."""
        values = [value for value in grant.values if self.id in value.clauses]
        own = [value for value in values if any(entry.clause == self.id for entry in value.entries)]
        if own:
            return f"{grant.name}: {' · '.join(value.for_clause(self.id).in_a_sentence for value in own)}"
        return grant.in_words if values else None

    @cached_property
    def grants_elsewhere(self) -> list[str]:
        """The other clauses that the entries of its numbers and lists cite, if it has no entries of its own."""
        cited = {clause for each in self.parameters for _, clause in each.entries}
        return [] if self.entries else [clause for clause in self.site.policy.clauses if clause in cited - {self.id}]

    @cached_property
    def numbers(self) -> list[PolicyValue]:
        """Its numbers and lists, each with its own entries only, if it has any."""
        return [each_entry(self.site.policy, parameter, self.id) for parameter in self.parameters]

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
    def history(self) -> list[ClauseHistory]:
        """What the releases changed about it, newest first."""
        return self.site.versions.history_of_clause(self.id)[::-1]
