"""Mutants of the policy data: edits of the YAML of the parameters and of the register of reason codes."""

from __future__ import annotations

import datetime
import itertools
import json
import re
from collections.abc import Iterator

import yaml

from proof.mutation.mutant import Mutant, Vocabularies

# Text for people; no rule reads it.
PROSE = {"title", "service"}
# A slip of the pen in a value: it must end in a pend or a denial, and authorize nothing more.
SLIPS = {"key misspelled", "key dropped", "value retyped", "period dropped"}
# From most to least serious; an effect becomes one of its neighbors.
EFFECTS = ("invalid", "scope", "deny", "pend", "info")


def mutants_of_parameters(file: str, text: str, vocabularies: Vocabularies) -> list[Mutant]:
    edits = _Data(file, text, vocabularies)
    return [*edits.values(parse(text)), *edits.slips(parse(text))]


def mutants_of_reason_codes(file: str, text: str, vocabularies: Vocabularies) -> list[Mutant]:
    return list(_Data(file, text, vocabularies).codes(parse(text)))


def parse(text: str) -> yaml.MappingNode:
    """The YAML of a file, each node with its position."""
    node = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    return node


class _Data:
    def __init__(self, file: str, text: str, vocabularies: Vocabularies) -> None:
        self.file, self.text, self.vocabularies = file, text, vocabularies

    def edit(self, operator: str, node: yaml.Node, replacement: str) -> Mutant:
        return Mutant(self.file, operator, node.start_mark.index, node.end_mark.index, replacement)

    # --- any value

    def values(self, node: yaml.Node, name: str = "") -> Iterator[Mutant]:
        if isinstance(node, yaml.MappingNode):
            entries = [(key, value) for key, value in node.value if key.value not in PROSE]
            for key, value in entries:
                yield self.removed(node, key, value)
                yield from self.values(value, key.value)
            if name == "value":
                yield from self.entry_added(node)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                yield self.removed(node, value, value)
                yield from self.values(value)
            yield from self.element_added(node)
        elif isinstance(node, yaml.ScalarNode):
            yield from self.scalar(node)

    def scalar(self, node: yaml.ScalarNode) -> Iterator[Mutant]:
        if node.tag.endswith(":int"):
            for step in (1, -1):
                yield self.edit("constant ±1", node, str(int(node.value) + step))
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", node.value):
            for days in (1, -1):
                shifted = datetime.date.fromisoformat(node.value) + datetime.timedelta(days)
                yield self.edit("date shifted by a day", node, f'"{shifted}"')
        elif node.tag.endswith(":null"):
            yield self.edit("string changed", node, "x")
        else:
            other = self.vocabularies.another(node.value) or f"{node.value}_"
            yield self.edit("string changed", node, json.dumps(other, ensure_ascii=False))

    def removed(self, parent: yaml.CollectionNode, first: yaml.Node, last: yaml.Node) -> Mutant:
        """Remove an element of a list or an entry of a mapping, and its comma or its lines."""
        start, end = first.start_mark.index, last.end_mark.index
        if parent.flow_style:
            before, after = self.text[:start], self.text[end:]
            if comma := re.match(r",\s*", after):
                end += comma.end()
            elif comma := re.search(r",\s*\Z", before):
                start = comma.start()
            return Mutant(self.file, "element removed", start, end, "")
        start = self.text.rfind("\n", 0, start) + 1
        # A block ends where the next token begins, a scalar or a flow collection on its own line.
        in_line = self.text[self.text.rfind("\n", 0, end) + 1 : end].strip()
        end = self.text.find("\n", end) + 1 if in_line else self.text.rfind("\n", 0, end) + 1
        # YAML reads an empty collection as null, so write the empty list or mapping.
        empty = ""
        if len(parent.value) == 1:
            empty = f"{' ' * first.start_mark.column}{'[]' if isinstance(parent, yaml.SequenceNode) else '{}'}\n"
        return Mutant(self.file, "element removed", start, end, empty)

    def element_added(self, node: yaml.SequenceNode) -> Iterator[Mutant]:
        if node.flow_style and all(isinstance(each, yaml.ScalarNode) for each in node.value):
            values = [each.value for each in node.value]
            known_list = self.vocabularies.smallest_list_with(values)
            addition = self.vocabularies.addition(values) if known_list else similar_name(values)
            if addition:
                end = node.value[-1].end_mark.index
                yield Mutant(self.file, "element added", end, end, f", {addition}")

    def entry_added(self, node: yaml.MappingNode) -> Iterator[Mutant]:
        """Add a copy of the last entry to a table of similar entries, under a new name."""
        names = [key.value for key, _ in node.value]
        if not all(isinstance(value, yaml.MappingNode) for _, value in node.value):
            return
        if self.vocabularies.smallest_list_with(names):
            return  # such a table has an entry for each name that a request can have
        key, value = node.value[-1]
        column = " " * key.start_mark.column
        copied = self.text[key.end_mark.index : value.end_mark.index]
        end = value.end_mark.index
        yield Mutant(self.file, "element added", end, end, f'\n{column}"{similar_name(names)}"{copied}')

    # --- slips

    def slips(self, node: yaml.Node, in_periods: bool = False) -> Iterator[Mutant]:
        """Keys of a parameter misspelled, dropped and retyped, and periods dropped."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value in PROSE:
                    continue
                inside = in_periods or key.value == "periods"
                if inside:
                    quote = '"' if key.style else ""
                    yield self.edit("key misspelled", key, f"{quote}{misspelled(key.value)}{quote}")
                    yield self.renamed(self.removed(node, key, value), "key dropped")
                    yield self.value_retyped(value)
                yield from self.slips(value, inside)
        elif isinstance(node, yaml.SequenceNode):
            for element in node.value:
                if isinstance(element, yaml.MappingNode):
                    yield self.renamed(self.removed(node, element, element), "period dropped")
                    yield from self.slips(element, in_periods)

    def value_retyped(self, node: yaml.Node) -> Mutant:
        """A value of another kind: 8 as "8", a text as a list, a list or a table as a text."""
        if isinstance(node, yaml.ScalarNode):
            text = json.dumps(node.value, ensure_ascii=False)
            return self.edit("value retyped", node, text if node.tag.endswith(":int") else f"[{text}]")
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.CollectionNode) and node.flow_style:
            return Mutant(self.file, "value retyped", start, end, '"8"')
        # A block ends where the next token begins, on another line.
        end = self.text.rfind("\n", 0, end) + 1
        return Mutant(self.file, "value retyped", start, end, '"8"\n')

    # --- reason codes

    def codes(self, node: yaml.MappingNode) -> Iterator[Mutant]:
        entries = {code.value: {key.value: value for key, value in entry.value} for code, entry in node.value}
        clauses = sorted({clause.value for fields in entries.values() for clause in fields["clauses"].value})
        interpretations = sorted({fields["interpretation"].value for fields in entries.values()} - {"null"})
        orders = sorted((fields["order"] for fields in entries.values()), key=lambda each: int(each.value))
        for fields in entries.values():
            effect = fields["effect"]
            place = EFFECTS.index(effect.value)
            for other in EFFECTS[max(place - 1, 0) : place] + EFFECTS[place + 1 : place + 2]:
                yield self.edit("effect changed", effect, other)
            if "applies_to" in fields:
                yield self.edit("applies_to changed", fields["applies_to"], "request")
            else:
                end = effect.end_mark.index
                yield Mutant(self.file, "applies_to changed", end, end, "\n  applies_to: line")
            for clause in fields["clauses"].value:
                yield self.renamed(self.removed(fields["clauses"], clause, clause), "clause removed")
            yield self.clause_added(fields["clauses"], clauses)
            interpretation = fields["interpretation"]
            if interpretation.value != "null":
                yield self.edit("interpretation nulled", interpretation, "null")
            yield self.edit("interpretation changed", interpretation, next_value(interpretation.value, interpretations))
        for order, next_order in itertools.pairwise(orders):
            yield self.swapped(order, next_order)

    def clause_added(self, node: yaml.SequenceNode, clauses: list[str]) -> Mutant:
        own = [clause.value for clause in node.value]
        addition = next(
            clause for clause in [*clauses[clauses.index(own[-1]) if own else 0 :], *clauses] if clause not in own
        )
        place = node.end_mark.index - 1  # before the bracket
        return Mutant(self.file, "clause added", place, place, f", {addition}" if own else addition)

    def renamed(self, mutant: Mutant, operator: str) -> Mutant:
        return Mutant(mutant.file, operator, mutant.start, mutant.end, mutant.replacement)

    def swapped(self, one: yaml.Node, other: yaml.Node) -> Mutant:
        first, second = sorted((one, other), key=lambda each: each.start_mark.index)
        start, end = first.start_mark.index, second.end_mark.index
        between = self.text[first.end_mark.index : second.start_mark.index]
        return Mutant(self.file, "order swapped", start, end, second.value + between + first.value)


def similar_name(values: list[str]) -> str:
    """A new value that looks like the last one: its last character is another digit."""
    return next(value for digit in "0123456789" if (value := values[-1][:-1] + digit) not in values)


def misspelled(name: str) -> str:
    """A name with two letters swapped, or a digit more if that changes nothing."""
    swapped = f"{name[:-2]}{name[-1]}{name[-2]}"
    return swapped if swapped != name else f"{name}0"


def next_value(value: str, values: list[str]) -> str:
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]
