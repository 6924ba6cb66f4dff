"""A decision table as a file for other programs: CSV for a spreadsheet, DMN 1.3 for a tool that works with rules."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree as Xml

from therapy_policy.policy.registers import EFFECTS
from therapy_policy.review.decision_tables import Condition, DecisionTable, Group, Row
from therapy_policy.review.policy_values import DatedText, PolicyValue

# --- CSV -------------------------------------------------------------------------------------------------------------

COLUMNS = (
    "Row",
    "Checked in this order",
    "Condition",
    "Numbers and lists, with their dates",
    "What follows",
    "What is authorized",
    "Reason code",
    "Effect",
    "Clauses",
    "Interpretation",
    "Message",
    "How to resolve",
)


def csv_of(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV (RFC 4180) in UTF-8, with the mark by which spreadsheets recognize it."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def table_as_csv(table: DecisionTable) -> bytes:
    """Return a decision table as CSV, with one line for each condition."""
    lines: list[Sequence[str]] = [COLUMNS]
    for number, group in enumerate(table.groups, start=1):
        for row in group.rows:
            lines += [_line(f"{number}. {group.title}", row, condition) for condition in row.conditions]
    return csv_of(lines)


def _line(checked: str, row: Row, condition: Condition) -> Sequence[str]:
    return (
        str(row.number),
        checked,
        condition.text,
        _numbers(condition.values),
        row.result,
        "; ".join(grant.in_words for grant in row.grants),
        row.code or "",
        EFFECTS[row.effect] if row.effect else "",
        " ".join(condition.clauses or row.clauses),
        row.interpretation or "",
        str(condition.message),
        str(condition.remedy),
    )


# --- DMN -------------------------------------------------------------------------------------------------------------

MODEL = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DIAGRAM = {
    "xmlns:dmndi": "https://www.omg.org/spec/DMN/20191111/DMNDI/",
    "xmlns:dc": "http://www.omg.org/spec/DMN/20180521/DC/",
    "xmlns:di": "http://www.omg.org/spec/DMN/20180521/DI/",
}
FINDINGS, DATE, ENTRY = "Findings", "Request date", "Entry"  # what the tables ask for
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
WIDTH, HEIGHT, GAP = 220, 80, 40  # of the boxes in the diagram, in pixels


def table_as_dmn(table: DecisionTable, title: str, version: str) -> bytes:
    """Return a decision table as DMN 1.3.

    The findings are the conditions that are true of a request. They decide the outcome (the first rule that matches)
    and the reasons (all rules that match). Each number or list is a table of its own, by date and by entry.
    """
    return _Dmn(table, title, version).document()


class _Dmn:
    def __init__(self, table: DecisionTable, title: str, version: str) -> None:
        self.table = table
        self.title = title
        about = {"id": f"{table.request_type}_definitions", "name": title, "namespace": f"urn:therapy-policy:{version}"}
        self.root = Xml.Element("definitions", {"xmlns": MODEL, **DIAGRAM, **about})
        _text_in(self.root, "description", f"{title}. Therapy policy, version {version}.")
        self.values = list(dict.fromkeys(value for row in table.rows for value in row.values))
        self.requirements: list[tuple[str, str, str]] = []  # the id of each, and what it leads from and to

    def document(self) -> bytes:
        collection = Xml.SubElement(self.root, "itemDefinition", name="tFindings", isCollection="true")
        _text_in(collection, "typeRef", "string")
        self._input("findings", FINDINGS, "tFindings")
        if self.values:
            self._input("date", DATE, "date")
        if any(entry.key for value in self.values for entry in value.entries):
            self._input("entry", ENTRY, "string")
        names = [self._value(number, value) for number, value in enumerate(self.values, start=1)]
        self._reasons(names)
        self._outcome()
        self._diagram()
        Xml.indent(self.root)
        text: bytes = Xml.tostring(self.root, encoding="utf-8", xml_declaration=True)
        return text + b"\n"

    def _input(self, name: str, title: str, type_: str) -> None:
        element = Xml.SubElement(self.root, "inputData", id=f"input_{name}", name=title)
        Xml.SubElement(element, "variable", id=f"input_{name}_variable", name=title, typeRef=type_)

    def _decision(self, name: str, title: str, type_: str | None, needs: Sequence[str], question: str) -> Xml.Element:
        decision = Xml.SubElement(self.root, "decision", id=name, name=_feel_name(title), label=title)
        _text_in(decision, "question", question)
        variable = {"id": f"{name}_variable", "name": _feel_name(title)}
        Xml.SubElement(decision, "variable", variable | ({"typeRef": type_} if type_ else {}))
        for number, need in enumerate(needs, start=1):
            requirement = Xml.SubElement(decision, "informationRequirement", id=f"{name}_needs_{number}")
            kind = "requiredInput" if need.startswith("input_") else "requiredDecision"
            Xml.SubElement(requirement, kind, href=f"#{need}")
            self.requirements.append((f"{name}_needs_{number}", need, name))
        return decision

    # --- The numbers and lists

    def _value(self, number: int, value: PolicyValue) -> str:
        name = f"value_{number}"
        keyed = any(entry.key for entry in value.entries)
        types = {_type_of(dated.value) for entry in value.entries for dated in entry.periods}
        type_ = types.pop() if len(types) == 1 else None
        decision = self._decision(
            name, value.name, type_, ["input_date", *(["input_entry"] if keyed else [])], f"{value.name}, by date"
        )
        table = Xml.SubElement(decision, "decisionTable", id=f"{name}_table", hitPolicy="UNIQUE")
        self._column(table, f"{name}_date", DATE, "date")
        if keyed:
            self._column(table, f"{name}_entry", ENTRY, "string")
        output = {"id": f"{name}_output", "label": value.name}
        Xml.SubElement(table, "output", output | ({"typeRef": type_} if type_ else {}))
        Xml.SubElement(table, "annotation", name="Clauses")
        for entry in value.entries:
            for dated in entry.periods:
                inputs = [_dates(dated), *([_literal(entry.key)] if keyed else [])]
                clauses = [entry.clause] if entry.clause else value.clauses
                self._rule(table, inputs, [_literal(dated.value)], [" ".join(clauses)])
        return name

    # --- What is decided

    def _reasons(self, values: Sequence[str]) -> None:
        question = "Which reasons does the decision give?"
        decision = self._decision("reasons", "Reasons", None, ["input_findings", *values], question)
        table = Xml.SubElement(decision, "decisionTable", id="reasons_table", hitPolicy="COLLECT")
        self._column(table, "reasons_findings", FINDINGS, "tFindings")
        outputs = ("Reason code", "Effect", "Applies to", "Message", "How to resolve")
        for output in outputs:
            Xml.SubElement(
                table, "output", id=f"reasons_{_id(output)}", name=_feel_name(output), label=output, typeRef="string"
            )
        for annotation in ("Row", "Clauses", "Interpretation", "Numbers and lists"):
            Xml.SubElement(table, "annotation", name=annotation)
        for row in self.table.rows:
            for condition in row.conditions if row.code else ():
                cells = (row.code, row.effect, row.applies_to, str(condition.message), str(condition.remedy))
                clauses = " ".join(condition.clauses)
                notes = (str(row.number), clauses, row.interpretation or "", _numbers(condition.values))
                self._rule(table, [_is_found(condition)], [_literal(cell) for cell in cells], notes)

    def _outcome(self) -> None:
        question = f"What is the outcome? ({self.title})"
        decision = self._decision("outcome", "Outcome", "string", ["input_findings"], question)
        table = Xml.SubElement(decision, "decisionTable", id="outcome_table", hitPolicy="FIRST")
        self._column(table, "outcome_findings", FINDINGS, "tFindings")
        Xml.SubElement(table, "output", id="outcome_output", label="Outcome", typeRef="string")
        for annotation in ("Row", "Clauses", "What follows", "What is authorized"):
            Xml.SubElement(table, "annotation", name=annotation)
        for group in self.table.groups:
            for row in _deciding(group):
                notes = (
                    str(row.number),
                    " ".join(row.clauses),
                    row.result,
                    "; ".join(grant.in_words for grant in row.grants),
                )
                outcome = [_literal(" or ".join(row.outcomes) or "pended")]
                if row.granting:  # for every request that no rule above matches
                    self._rule(table, ["-"], outcome, notes, " ".join(each.text + "." for each in row.conditions))
                else:
                    for condition in row.conditions:
                        self._rule(table, [_is_found(condition)], outcome, notes)

    # --- Parts of a table

    def _column(self, table: Xml.Element, name: str, label: str, type_: str) -> None:
        column = Xml.SubElement(table, "input", id=name, label=label)
        expression = Xml.SubElement(column, "inputExpression", id=f"{name}_expression", typeRef=type_)
        _text_in(expression, "text", label)

    def _rule(
        self,
        table: Xml.Element,
        inputs: Sequence[str],
        outputs: Sequence[str],
        notes: Sequence[str],
        description: str | None = None,
    ) -> None:
        name = f"{table.get('id')}_{len(table.findall('rule')) + 1}"
        rule = Xml.SubElement(table, "rule", id=name)
        if description:
            _text_in(rule, "description", description)
        for kind, texts in (("inputEntry", inputs), ("outputEntry", outputs)):
            for number, text in enumerate(texts, start=1):
                _text_in(Xml.SubElement(rule, kind, id=f"{name}_{kind}_{number}"), "text", text)
        for note in notes:
            _text_in(Xml.SubElement(rule, "annotationEntry"), "text", note)

    def _diagram(self) -> None:
        """The boxes and arrows of the requirements: outcome and reasons on top, then the values, then the inputs."""
        interchange = Xml.SubElement(self.root, "dmndi:DMNDI")
        diagram = Xml.SubElement(interchange, "dmndi:DMNDiagram", id="diagram", name=self.title)
        names = [str(each.get("id")) for each in self.root if each.tag in ("decision", "inputData")]
        rows = [
            [name for name in names if name in ("outcome", "reasons")],
            [name for name in names if name.startswith("value_")],
            [name for name in names if name.startswith("input_")],
        ]
        corners: dict[str, tuple[int, int]] = {}
        for level, row in enumerate(filter(None, rows)):
            for place, name in enumerate(row):
                corners[name] = (GAP + place * (WIDTH + GAP), GAP + level * (HEIGHT + 2 * GAP))
        for name, (x, y) in corners.items():
            shape = Xml.SubElement(diagram, "dmndi:DMNShape", id=f"{name}_shape", dmnElementRef=name)
            Xml.SubElement(shape, "dc:Bounds", x=str(x), y=str(y), width=str(WIDTH), height=str(HEIGHT))
        for name, start, end in self.requirements:
            edge = Xml.SubElement(diagram, "dmndi:DMNEdge", id=f"{name}_edge", dmnElementRef=name)
            for (x, y), below in ((corners[start], 0), (corners[end], HEIGHT)):
                Xml.SubElement(edge, "di:waypoint", x=str(x + WIDTH // 2), y=str(y + below))


def _deciding(group: Group) -> list[Row]:
    return [row for row in group.rows if row.effect != "info"]


def _numbers(values: Iterable[PolicyValue]) -> str:
    return "; ".join(f"{value.name}: {value.with_dates}" for value in values)


def _is_found(condition: Condition) -> str:
    return f"list contains(?, {_literal(condition.text)})"


def _dates(dated: DatedText) -> str:
    """The dates of a value as a unary test in FEEL."""
    if dated.start and dated.end:
        return f'[date("{dated.start}")..date("{dated.end}")]'
    if dated.start:
        return f'>= date("{dated.start}")'
    return f'<= date("{dated.end}")' if dated.end else "-"


def _type_of(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, int):
        return "number"
    return "date" if DAY.fullmatch(value) else "string"


def _literal(value: Any) -> str:
    """A value as a literal in FEEL."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(name)}: {_literal(each)}' for name, each in value.items())}}}"
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'date("{text}")' if DAY.fullmatch(text) else f'"{text}"'


def _feel_name(title: str) -> str:
    return " ".join(re.findall(r"\w+", title))


def _id(title: str) -> str:
    return "_".join(re.findall(r"\w+", title.lower()))


def _text_in(element: Xml.Element, tag: str, text: str) -> None:
    Xml.SubElement(element, tag).text = text
