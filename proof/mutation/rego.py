"""Mutants of a page of Rego. OPA's parser gives the position of each part; an edit replaces one part."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

from proof.mutation.mutant import Mutant, Vocabularies
from therapy_policy.policy.rego import syntax_tree, text_at

Node = dict[str, Any]

# The replacements of each operator. A comparison includes or excludes its boundary, or is reversed.
SYMBOLS = {
    "comparison changed": {
        "==": ["!="],
        "!=": ["=="],
        "<": ["<=", ">="],
        "<=": ["<", ">"],
        ">": [">=", "<="],
        ">=": [">", "<"],
    },
    "arithmetic changed": {"+": ["-"], "-": ["+"], "|": ["&"], "&": ["|"]},
    "function changed": {"min": ["max"], "max": ["min"], "floor": [""]},
}
UNICODE_ESCAPE = re.compile(r"\\u[0-9a-f]{4}")


def parse(text: str) -> Node:
    """The AST of a page; raises `BundleNotUsable` if it is not valid Rego."""
    ast: Node = copy.deepcopy(syntax_tree(text))
    for rule in ast.get("rules", []):
        branch = rule
        while branch := branch.get("else", {}):
            bare = re.match(r"(else\b.* )if ([^{\n]+)$", text_at(branch).split("\n")[0])
            if bare:
                # OPA gives no position for such a condition, so parse it again, alone, in the same position.
                row, column = branch["location"]["row"], branch["location"]["col"] + bare.start(2)
                again = "package p" + "\n" * (row - 1) + "x if ".ljust(column - 1) + bare[2] + "\n"
                branch["body"] = parse(again)["rules"][0]["body"]
    return ast


def mutants(file: str, text: str, ast: Node, vocabularies: Vocabularies) -> list[Mutant]:
    """Every mutant of a page, each edit once, in the order of the page."""
    page = _Page(file, text, ast, vocabularies)
    by_edit: dict[tuple[int, int, str], Mutant] = {}
    for each in page.mutants():
        by_edit.setdefault((each.start, each.end, each.replacement), each)
    return [by_edit[key] for key in sorted(by_edit)]


class _Page:
    def __init__(self, file: str, text: str, ast: Node, vocabularies: Vocabularies) -> None:
        self.file, self.text, self.vocabularies = file, text, vocabularies
        self.rules: list[Node] = ast.get("rules", [])
        lengths = [len(line) for line in text.splitlines(keepends=True)]
        self.line_starts = list(itertools.accumulate(lengths, initial=0))

    def mutants(self) -> Iterator[Mutant]:
        for rule in self.rules:
            yield from self.rule(rule)
            for node in inside(rule):
                if self.is_in_text(node):
                    yield from self.conditions(node)
                    yield from self.term(node)

    # --- positions

    def span(self, node: Node) -> tuple[int, int]:
        location = node["location"]
        start = self.line_starts[location["row"] - 1] + location["col"] - 1
        return start, start + len(text_at(node))

    def is_in_text(self, node: Node) -> bool:
        """Whether the node is in the text at its position; the parser adds some nodes that are not."""
        if "location" not in node:
            return False
        start, end = self.span(node)
        assert self.text[start:end] == text_at(node), f"{self.file}:{node['location']['row']} is not at OPA's position"
        return True

    def edit(self, operator: str, span: tuple[int, int], replacement: str) -> Mutant:
        return Mutant(self.file, operator, *span, replacement)

    # --- rules and their branches

    def rule(self, rule: Node) -> Iterator[Mutant]:
        start, end = self.span(rule)
        yield self.edit("rule removed", (self.with_comments(start), end), "")
        if "else" in rule:
            yield from self.never("else branch removed", rule)
        elif sum(_name(each) == _name(rule) for each in self.rules) == 1:
            # A name without a definition does not compile, so the rule stays and is never true.
            yield from self.never("rule removed", rule)
        branch = rule
        while branch := branch.get("else", {}):
            start, end = self.span(branch)
            next_start = self.span(branch["else"])[0] if "else" in branch else end
            yield self.edit("else branch removed", (start, next_start), "")
        if rule.get("default") and "location" in rule["head"]["value"]:
            yield from self.default(rule["head"]["value"])
        if rule["head"].get("args") and len(conditions := self.removable_conditions(rule)) == 1:
            # An argument without a use does not compile, so the condition cannot be dropped.
            yield from self.negated(conditions[0])

    def with_comments(self, start: int) -> int:
        while above := re.search(r"^#[^\n]*\n\Z", self.text[:start], re.MULTILINE):
            start = above.start()
        return start

    def never(self, operator: str, branch: Node) -> Iterator[Mutant]:
        for condition in self.removable_conditions(branch)[:1]:
            yield self.edit(operator, self.span(condition), "false")

    def negated(self, condition: Node) -> Iterator[Mutant]:
        if not condition.get("negated") and not _is_every(condition):
            start, _ = self.span(condition)
            yield self.edit("negation added", (start, start), "not ")

    def default(self, value: Node) -> Iterator[Mutant]:
        other = {"true": "false", "false": "true", "null": "false", "set()": '{"x"}', "{}": '{"x": 1}', "[]": '["x"]'}
        text = text_at(value)
        if value["type"] == "string":
            yield self.edit("default flipped", self.span(value), self.another(text))
        elif text in other:
            yield self.edit("default flipped", self.span(value), other[text])

    # --- conditions

    def removable_conditions(self, holder: Node) -> list[Node]:
        """The conditions of a body that define no variable, so that the rest compiles without them."""
        return [each for each in holder.get("body") or [] if self.is_condition(each)]

    def is_condition(self, expression: Node) -> bool:
        terms = expression["terms"]
        if isinstance(terms, dict):
            made_up = terms.get("type") == "boolean" and text_at(expression) not in {"true", "false"}
            return "symbols" not in terms and not made_up
        return _operator(terms) != "assign"

    def conditions(self, node: Node) -> Iterator[Mutant]:
        # A comprehension keeps its body in its value, `every` in its terms.
        holders = [node, node.get("value"), node.get("terms")]
        for holder in holders:
            if isinstance(holder, dict) and isinstance(holder.get("body"), list):
                removable = self.removable_conditions(holder)
                operator = "`and` weakened" if len(holder["body"]) > 1 else "condition dropped"
                for condition in removable:
                    yield self.edit(operator, self.span(condition), "true")
        if node.get("negated"):
            start, _ = self.span(node)
            yield self.edit("negation dropped", (start, start + len("not ")), "")
        if "terms" in node and _is_every(node):
            yield from self.some(node)

    def some(self, node: Node) -> Iterator[Mutant]:
        start, end = self.span(node)
        _, domain_end = self.span(node["terms"]["domain"])
        body = self.text[domain_end:end].strip().removeprefix("{").removesuffix("}").strip()
        names = self.text[start:domain_end].removeprefix("every")
        yield self.edit("every to some", (start, end), f"some{names}\n{body}")

    # --- terms

    def term(self, node: Node) -> Iterator[Mutant]:
        kind, text = node.get("type"), text_at(node)
        if kind == "ref":
            for operator, others in SYMBOLS.items():
                for other in others.get(text, []):
                    yield self.edit(operator, self.span(node), other)
        elif kind == "number" and re.fullmatch(r"-?[0-9]+", text):
            for step in (1, -1):
                yield self.edit("constant ±1", self.span(node), str(int(text) + step))
        elif kind == "boolean" and text in {"true", "false"}:
            yield self.edit("true to false", self.span(node), "false" if text == "true" else "true")
        elif kind == "string" and text[:1] in {'"', "`"}:
            yield from self.string(node)
        elif kind in {"array", "set", "object"} and text[:1] in {"[", "{"}:
            yield from self.literal(node)

    def string(self, node: Node) -> Iterator[Mutant]:
        start, end = self.span(node)
        text = text_at(node)
        yield self.edit("string changed", (start, end), self.another(text))
        for letter in UNICODE_ESCAPE.finditer(text):
            yield self.edit("element removed", (start + letter.start(), start + letter.end()), "")

    def another(self, text: str) -> str:
        """Another value of its enum, if it is a value of one; if not, the same text, misspelled."""
        other = self.vocabularies.another(text[1:-1])
        return f'"{other}"' if other else f"{text[:-1]}_{text[-1]}"

    def literal(self, node: Node) -> Iterator[Mutant]:
        pairs = [each if isinstance(each, list) else [each, each] for each in node["value"]]
        # The parser sorts the elements of a set.
        spans = sorted((self.span(first)[0], self.span(last)[1]) for first, last in pairs)
        start, end = self.span(node)
        for index, (from_, to) in enumerate(spans):
            if len(spans) == 1:
                yield self.edit(
                    "element removed", (start, end), {"array": "[]", "set": "set()", "object": "{}"}[node["type"]]
                )
            elif index + 1 < len(spans):
                yield self.edit("element removed", (from_, spans[index + 1][0]), "")
            else:
                yield self.edit("element removed", (spans[index - 1][1], to), "")
        if node["type"] != "object" and all(each["type"] == "string" for each in node["value"]):
            addition = self.vocabularies.addition([each["value"] for each in node["value"]])
            if addition:
                yield self.edit("element added", (spans[-1][1], spans[-1][1]), f', "{addition}"')


def inside(node: Any) -> Iterator[Node]:
    """Every node of an AST, including the first one."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key not in {"location", "annotations"}:
                yield from inside(value)
    elif isinstance(node, list):
        for each in node:
            yield from inside(each)


def _name(rule: Node) -> str:
    return ".".join(str(step["value"]) for step in rule["head"]["ref"] if step["type"] != "ref")


def _operator(terms: list[Node]) -> str:
    return str(terms[0]["value"][0]["value"])


def _is_every(expression: Node) -> bool:
    return isinstance(expression["terms"], dict) and "domain" in expression["terms"]
