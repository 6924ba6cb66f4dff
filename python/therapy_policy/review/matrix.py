"""The traceability matrix on one sheet: clause, rule, number, reason code, tests, examples and interpretation."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import xlsxwriter

from therapy_policy import wording
from therapy_policy.policy.registers import EFFECTS, KINDS, VISIBLE_IN
from therapy_policy.review.decision_tables import Condition, Row
from therapy_policy.review.examples import Example
from therapy_policy.review.figures import RegoTest
from therapy_policy.review.policy_values import PolicyValue, parts_read, whole_value
from therapy_policy.review.reading import DETERMINATION, TitledRule
from therapy_policy.review.requests import in_words
from therapy_policy.review.site_parts import SiteParts
from therapy_policy.review.standard_answers import CODES
from therapy_policy.review.table_files import csv_of

GRANTS = "grants"  # the effect of a row that leads to an approval
USES = "uses"  # the effect of a rule without a reason of its own, such as one that shares out units
NO_RULE = "none"  # no rule: information for people, or another document
MATRIX_EFFECTS = {**EFFECTS, GRANTS: "grants", USES: "is used by other rules", NO_RULE: "decides nothing"}
COLUMNS = {  # with the width of each in characters
    "Clause": 9,
    "What the clause says": 48,
    "Rule": 48,
    "Effect": 14,
    "What follows": 32,
    "Numbers and lists, with their dates": 44,
    "Reason code": 34,
    "Test cases": 10,
    "Tests": 48,
    "Worked examples": 40,
    "Interpretation": 14,
    "What is chosen where the source is silent": 44,
    "Request types": 32,
    **dict.fromkeys(CODES.values(), 22),
    "Source of these codes": 44,
    "Codes compared with the lists in force": 14,
}


@dataclass(frozen=True)
class MatrixRow:
    """One line of the matrix: a rule under a clause, or a clause or an interpretation without a rule."""

    clause: str | None
    rule: str  # in words
    effect: str  # a key of MATRIX_EFFECTS
    result: str  # what follows, in words
    values: tuple[PolicyValue, ...]
    code: str | None
    tests: tuple[RegoTest, ...]
    examples: tuple[Example, ...]
    interpretation: str | None
    request_types: tuple[str, ...]

    @property
    def cases(self) -> int:
        """The number of test cases."""
        return sum(test.number for test in self.tests)


class Matrix:
    """The matrix of one policy."""

    def __init__(self, site: SiteParts) -> None:
        """Put together what the site knows about each clause."""
        self.site = site
        self.rows = [row for clause in [*site.policy.clauses, None] for row in self._rows(clause)]

    @property
    def effects(self) -> list[str]:
        """The effects that its rows have, in the order of MATRIX_EFFECTS."""
        return [effect for effect in MATRIX_EFFECTS if any(row.effect == effect for row in self.rows)]

    def _rows(self, clause: str | None) -> Iterator[MatrixRow]:
        """The rows of a clause; for None, those of what has no clause."""
        found: dict[tuple[str, int, str | None], MatrixRow] = {}
        for kind, table in self.site.tables.tables.items():
            for row in table.rows:
                for condition in row.conditions:
                    if clause in (self._clauses(row, condition) or (None,)):
                        key = (condition.rule.page, condition.rule.row, row.code)
                        new = self._row(kind, row, condition, clause)
                        found[key] = _merged(found[key], new) if key in found else new
        yield from found.values()
        if clause is None:
            yield from self._other_interpretations()
            return
        shown = {key[:2] for key in found}
        others = [
            rule
            for rule in self.site.policy.rules_of_clause(clause)
            if not rule.codes and (rule.page, rule.row) not in shown and rule.name not in ("", DETERMINATION)
        ]
        for rule in others:
            yield self._using(clause, rule)
        if not found and not others:
            kind = self.site.policy.clauses[clause]["kind"]
            yield MatrixRow(clause, KINDS[kind][1], NO_RULE, "", (), None, (), (), None, ())

    def _clauses(self, row: Row, condition: Condition) -> tuple[str, ...]:
        """The clauses of a condition. An approval is based on several, and a rule may have the numbers of some."""
        if row.code:
            return condition.clauses
        own = {clause for value in condition.values for clause in value.clauses}.intersection(row.clauses)
        others = {clause for each in row.conditions for value in each.values for clause in value.clauses} - own
        return tuple(clause for clause in row.clauses if not own or clause not in others)

    def _row(self, kind: str, row: Row, condition: Condition, clause: str | None) -> MatrixRow:
        values = condition.values
        if row.granting:
            of_grants = [value for grant in row.grants for value in grant.values]
            of_clause = [value for value in dict.fromkeys([*values, *of_grants]) if clause in value.clauses]
            values = tuple(of_clause or (self._whole(clause) if clause else ()))
        return MatrixRow(
            clause=clause,
            rule=condition.text,
            effect=row.effect or (GRANTS if row.granting and row.clauses else "deny" if row.outcomes else NO_RULE),
            result=row.result,
            values=self._of_clause(values, clause),
            code=row.code,
            tests=tuple(self._tests(clause, row.code, condition.rule)),
            examples=tuple(self._examples(kind, row, clause)),
            interpretation=row.interpretation,
            request_types=(kind,),
        )

    def _using(self, clause: str, rule: TitledRule) -> MatrixRow:
        """The row of a rule that reads a number or list of the clause, and has no reason of its own."""
        parameters = [
            parameter
            for parameter in self.site.policy.parameters_of_clause(clause)
            if rule in self.site.policy.readers[parameter.name]
        ]
        rego = [each for each in self.site.policy.bundle.rego.rules if (each.file, each.row) == (rule.page, rule.row)]
        read = parts_read(
            self.site.policy, (origin for each in rego for origin in self.site.tables.tracing.read_by(each))
        )
        named = {parameter.name for parameter in parameters}
        values = tuple(value for value in read if value.parameter in named) or self._whole(clause)
        kinds = tuple(self.site.policy.types_of[rule.page]) or tuple(self.site.policy.request_types)
        tests = tuple(self._tests(clause, None, rule))
        examples = tuple(
            example
            for example in self.site.examples
            if clause in example.authorized_under and example.request_type in kinds
        )
        return MatrixRow(
            clause, rule.title, USES, "", self._of_clause(values, clause), None, tests, examples, None, kinds
        )

    def _whole(self, clause: str) -> tuple[PolicyValue, ...]:
        """The numbers and lists of a clause; of a list whose entries cite clauses, those that cite this one."""
        parameters = self.site.policy.parameters_of_clause(clause)
        return tuple(whole_value(self.site.policy, parameter, clause) for parameter in parameters)

    def _of_clause(self, values: tuple[PolicyValue, ...], clause: str | None) -> tuple[PolicyValue, ...]:
        """The values with those of their entries that cite a clause, if any does."""
        if not clause:
            return values
        whole = {value.parameter: value for value in self._whole(clause)}
        found = [
            whole[value.parameter] if value.is_list and value.parameter in whole else value.for_clause(clause)
            for value in values
        ]
        complete = {value.parameter for value in found if not value.part}
        return tuple(value for value in dict.fromkeys(found) if not value.part or value.parameter not in complete)

    def _other_interpretations(self) -> Iterator[MatrixRow]:
        """The rows of interpretations that no reason cites."""
        for name, entry in self.site.policy.interpretations.items():
            if entry["visible_in"] != "reasons":
                yield MatrixRow(None, VISIBLE_IN[entry["visible_in"]], NO_RULE, "", (), None, (), (), name, ())

    def _tests(self, clause: str | None, code: str | None, rule: TitledRule) -> list[RegoTest]:
        """The tests of a rule: those that name its reason or, if it has none, the entries of the clause.

        Tests in the file beside the rule come first; if there are none, those elsewhere count.
        """
        beside = rule.page.replace(".rego", "_test.rego")
        if code:
            named = self.site.figures.tests_naming([code])
        else:
            entries = self.site.policy.entries_of_clause(clause) if clause else []
            named = [test for test in self.site.figures.tests_naming(entries) if test.file == beside]
            named = named or self.site.figures.tests_without(self.site.policy.codes, beside)
        return [test for test in named if test.file == beside] or named

    def _examples(self, kind: str, row: Row, clause: str | None) -> Iterator[Example]:
        for example in self.site.same_type(kind):
            reasons = [reason for reason in example.decision["reasons"] if reason["code"] == row.code]
            cited = any(clause in reason["clauses"] or not (clause or reason["clauses"]) for reason in reasons)
            if cited or (row.granting and clause in example.authorized_under):
                yield example

    # --- As files

    @property
    def lines(self) -> list[Sequence[str | int]]:
        """The rows as texts and numbers, in the order of COLUMNS."""
        policy = self.site.policy
        return [
            (
                row.clause or "",
                policy.clauses[row.clause]["summary"] if row.clause else "",
                row.rule,
                MATRIX_EFFECTS[row.effect],
                row.result,
                "\n".join(f"{value.name}: {value.with_dates}" for value in row.values),
                row.code or "",
                row.cases,
                "\n".join(test.title for test in row.tests),
                "\n".join(f"{example.title} ({in_words(example.decision['outcome'])})" for example in row.examples),
                row.interpretation or "",
                policy.interpretations[row.interpretation]["choice"] if row.interpretation else "",
                "\n".join(self.site.title_of(kind) for kind in row.request_types),
                *self._sent_on_as(row.code),
            )
            for row in self.rows
        ]

    def _sent_on_as(self, code: str | None) -> Iterator[str]:
        answer = self.site.standard_answers.get(code or "")
        yield from answer.codes.values() if answer else [""] * len(CODES)
        yield answer.source if answer else ""
        yield in_words(answer.verified) if answer else ""

    def as_csv(self) -> bytes:
        """The matrix as CSV."""
        return csv_of([tuple(COLUMNS), *([str(cell) for cell in line] for line in self.lines)])

    def as_xlsx(self) -> bytes:
        """The matrix as a workbook: the same bytes for the same content."""
        file = io.BytesIO()
        book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        title = f"Therapy policy {self.site.bundle.version}: traceability matrix"
        book.set_properties({"title": title, "created": datetime(1980, 1, 1, tzinfo=UTC)})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DCE6F0", "border": 1})
        cell = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("Matrix")
        for column, (name, width) in enumerate(COLUMNS.items()):
            sheet.set_column(column, column, width, cell)
            sheet.write_string(0, column, name, head)
        for number, line in enumerate(self.lines, start=1):
            for column, content in enumerate(line):
                if isinstance(content, int):
                    sheet.write_number(number, column, content, cell)
                else:
                    sheet.write_string(number, column, content, cell)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, len(self.lines), len(COLUMNS) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer(f"&L{title}&RPage &P of &N")
        about = book.add_worksheet("About")
        about.set_column(0, 0, 24, cell)
        about.set_column(1, 1, 70, cell)
        for number, (name, content) in enumerate(self._about()):
            about.write_string(number, 0, name, head)
            about.write_string(number, 1, content, cell)
        book.close()
        return file.getvalue()

    def _about(self) -> list[tuple[str, str]]:
        figures = self.site.figures
        fit = "for this policy" if self.site.figures_fit else f"for policy {figures.policy_version}, not for this one"
        return [
            ("Policy", f"Therapy policy, version {self.site.bundle.version}"),
            ("Bundle (SHA-256)", self.site.digest),
            ("Rows", wording.count_of(len(self.rows), "row")),
            ("Tests", f"{wording.count_of(figures.number_of_cases, 'case')}, {fit}"),
        ]


def _merged(row: MatrixRow, other: MatrixRow) -> MatrixRow:
    """The same rule for more than one request type."""
    return replace(
        row,
        examples=(*row.examples, *other.examples),
        request_types=tuple(dict.fromkeys([*row.request_types, *other.request_types])),
    )
