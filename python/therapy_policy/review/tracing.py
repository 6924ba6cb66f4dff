"""Where a value in a rule comes from: a parameter of the policy, the request, or the rule itself.

The syntax trees of the rules say it (see `policy.rego`): a name leads to its definition, a call of a function to the
function's value, a field of an object to the value of that field. So nothing has to list which number a message names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from therapy_policy.policy.rego import DataPath, Node, RegoRule
from therapy_policy.review.reading import DETERMINATION, Page, PolicyView

ANY = "*"  # a step to whatever the request names, such as a tier
SUM = " + "  # between the fields that a step leads to if the rule adds them
DEEPEST = 60  # more steps than any rule takes; a rule that refers to itself ends there

Steps = tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """One thing that a value in a rule comes from."""

    kind: str  # parameter, clauses (those of a parameter), request or constant
    name: str  # of the parameter; the path of the field; or the constant as text
    steps: Steps = ()  # from a parameter's value to the part that the rule takes
    counted: bool = False  # whether the rule counts the entries


@dataclass(frozen=True)
class _Scope:
    """The names that a part of a rule can use: those of its page, and those that it binds itself."""

    package: DataPath
    bound: Mapping[str, tuple[tuple[Node, _Scope, Steps], ...]]


class Tracing:
    """The origins of the values in the rules of one policy."""

    def __init__(self, policy: PolicyView) -> None:
        """Trace in the rules of this policy."""
        self.policy = policy
        self.trees: dict[tuple[str, int], Node] = {}
        self.packages: dict[DataPath, dict[str, list[Node]]] = {}
        for rule in policy.bundle.rego.rules:
            tree = json.loads(rule.content)
            self.trees[rule.file, rule.row] = tree
            self.packages.setdefault(rule.package, {}).setdefault(rule.name, []).append(tree)

    def gives(self, rule: RegoRule, code: str) -> bool:
        """Whether a rule gives a reason with this code."""
        return Origin("constant", code) in self._of_reason(rule, ("code",))

    def fact(self, rule: RegoRule, name: str) -> list[Origin]:
        """The origins of a fact that the reason of a rule mentions, such as "limit"."""
        return self._of_reason(rule, ("facts", name))

    def clauses(self, rule: RegoRule) -> list[Origin]:
        """The origins of the clauses that a rule gives with its reason; none if the register alone says them."""
        return self._of_reason(rule, ("clauses",))

    def read_by(self, rule: RegoRule) -> list[Origin]:
        """The parts of parameters that a rule depends on: in its value, in its conditions and in their helpers."""
        trees = [self.trees[rule.file, rule.row], *self._choices(rule)]
        found = dict.fromkeys(origin for tree in trees for origin in self._conditions(tree, rule.package, 0))
        return [each for each in found if each.kind == "parameter"]

    def _choices(self, rule: RegoRule) -> Iterator[Node]:
        """The helpers of the same page that choose a name, such as the tier whose visits a rule takes."""
        helpers = [each for each in self.policy.bundle.rego.packages[rule.package] if not each.title]
        used, names = set[int](), set(rule.names)
        while new := [each for each in helpers if each.name in names and id(each) not in used]:
            used |= {id(each) for each in new}
            names |= {name for each in new for name in each.names}
            for each in new:
                tree = self.trees[each.file, each.row]
                if tree["head"].get("value", {}).get("type") == "string":
                    yield tree

    def determined(self, page: Page, *steps: str) -> list[tuple[str, list[Origin]]]:
        """The fields of a part of a page's determination, each with its origins; one without a name if it has none.

        A name that the request decides has its own words only: "visits" for evaluation or treatment visits.
        """
        found: dict[str, dict[Origin, None]] = {}
        for tree in self.packages[page.package].get(DETERMINATION, []):
            scope = self._scope(tree, _Scope(page.package, {}))
            for leaf, within, rest in self._resolve(tree["head"]["value"], scope, steps, 0):
                fields = leaf["value"] if leaf["type"] == "object" and not rest else [({"value": ""}, leaf)]
                for key, value in fields:
                    words = [key["value"]] if isinstance(key["value"], str) else self._constants(key, within)
                    name = "_".join(words)
                    found.setdefault(name, {}).update(dict.fromkeys(self._origins(value, within, rest, 0)))
        return [(name, list(origins)) for name, origins in found.items()]

    def _constants(self, term: Node, scope: _Scope) -> list[str]:
        return [origin.name for origin in self._origins(term, scope, (), 0) if origin.kind == "constant"]

    def _of_reason(self, rule: RegoRule, steps: Steps) -> list[Origin]:
        tree = self.trees[rule.file, rule.row]
        head = tree["head"]
        reason = head.get("key") or (head["value"] if head["value"]["type"] == "object" else None)
        scope = self._scope(tree, _Scope(rule.package, {}))
        return list(dict.fromkeys(self._origins(reason, scope, steps, 0))) if reason else []

    # --- What a term comes from

    def _origins(self, term: Node, scope: _Scope, steps: Steps, depth: int) -> Iterator[Origin]:
        for node, within, rest in self._resolve(term, scope, steps, depth):
            yield from self._of_leaf(node, within, rest, depth + 1)

    def _of_leaf(self, node: Node, scope: _Scope, steps: Steps, depth: int) -> Iterator[Origin]:
        kind, value = node["type"], node["value"]
        if kind in ("string", "number", "boolean") and not steps:
            yield Origin("constant", str(value))
        elif kind == "ref":
            yield from self._of_document(value, scope, steps, depth)
        elif kind == "call":
            name, arguments = _name_of(value[0]), value[1:]
            if name == "count":
                yield from self._of_number(arguments[0], scope, depth)
                return
            if name == "plus" and (added := self._of_sum(arguments, scope, steps, depth)):
                yield added
                return
            if name == "concat":  # the first argument is a separator
                arguments = arguments[1:]
            for each in arguments:
                yield from self._origins(each, scope, steps, depth)
        elif kind in ("array", "set"):
            for each in value:
                yield from self._origins(each, scope, steps[1:], depth)
        elif kind == "object":
            for _, each in value:
                yield from self._origins(each, scope, (), depth)
        elif kind.endswith("comprehension"):
            inner = self._scope(value, scope)
            yield from self._origins(value["value"] if "value" in value else value["term"], inner, steps[1:], depth)

    def _of_sum(self, terms: list[Node], scope: _Scope, steps: Steps, depth: int) -> Origin | None:
        """The origin of a sum of fields of one entry of a parameter, if it is one."""
        found = [next(self._origins(term, scope, steps, depth), None) for term in terms]
        origins = [origin for origin in found if origin and origin.kind == "parameter" and origin.steps]
        if len(origins) < len(terms) or len({replace(origin, steps=origin.steps[:-1]) for origin in origins}) > 1:
            return None
        fields = SUM.join(origin.steps[-1] for origin in origins)
        return replace(origins[0], steps=(*origins[0].steps[:-1], fields))

    def _of_number(self, term: Node, scope: _Scope, depth: int) -> Iterator[Origin]:
        """The origins of the number of entries of something, if it is a parameter or a part of one."""
        for node, within, rest in self._resolve(term, scope, (), depth):
            if node["type"] == "ref":
                for origin in self._of_leaf(node, within, rest, depth + 1):
                    yield Origin(origin.kind, origin.name, origin.steps, counted=True)

    def _of_document(self, path: list[Node], scope: _Scope, steps: Steps, depth: int) -> Iterator[Origin]:
        """The origin of a reference to the request or to data without rules."""
        names = _steps(path[1:])
        if path[0]["value"] == "input":
            yield Origin("request", ".".join(names))
        elif name := self.policy.parameter_at(tuple(names)):
            below = (*names[2 + name.count(".") + 1 :], *steps)
            if below[:1] == ("clauses",):
                yield Origin("clauses", name)
            elif below[:1] == ("periods",):
                yield Origin("parameter", name, below[3:])  # after periods, their number, and "value"
        else:  # a table that the policy keeps, in which a value is looked up
            for each in path[1:]:
                if each["type"] != "string":
                    yield from self._origins(each, scope, (), depth)

    # --- From a term to what it stands for

    def _resolve(self, term: Node, scope: _Scope, steps: Steps, depth: int) -> Iterator[tuple[Node, _Scope, Steps]]:
        """Follow names, references, functions and fields as far as they lead."""
        if depth > DEEPEST:
            return
        kind, value = term["type"], term["value"]
        if kind == "var":
            for node, within, more in scope.bound.get(value, ()):
                yield from self._resolve(node, within, (*more, *steps), depth + 1)
            if value not in scope.bound:
                yield from self._values((*scope.package, value), (), steps, depth)
        elif kind == "ref" and value[0] not in (_var("input"), _var("data")):
            yield from self._resolve(value[0], scope, (*_steps(value[1:]), *steps), depth + 1)
        elif kind == "ref" and value[0]["value"] == "data" and (path := self._rule_at(tuple(_steps(value[1:])))):
            below = tuple(_steps(value[1 + len(path) :]))
            yield from self._values(path, (), (*below, *steps), depth)
        elif kind == "call" and (function := self._function(value[0], scope)):
            arguments = tuple((each, scope, ()) for each in value[1:])
            yield from self._values(function, arguments, steps, depth)
        elif kind == "call" and _name_of(value[0]) == "object.get" and value[2]["type"] == "string":
            yield from self._resolve(value[1], scope, (value[2]["value"], *steps), depth + 1)
        elif kind == "call" and _name_of(value[0]) == "object.keys":
            for node, within, _ in self._resolve(value[1], scope, (), depth + 1):
                if node["type"] == "object":
                    yield {"type": "set", "value": [key for key, _ in node["value"]]}, within, steps
        elif kind == "call" and _name_of(value[0]) in ("union", "object.union"):
            for each in value[1:]:
                for node, within, rest in self._resolve(each, scope, steps, depth + 1):
                    yield node, within, rest
        elif kind == "object" and steps:
            for key, each in value:
                if steps[0] == ANY or key["value"] == steps[0]:
                    yield from self._resolve(each, scope, steps[1:], depth + 1)
        elif kind.endswith("comprehension") and steps:
            member = value["value"] if kind == "objectcomprehension" else value["term"]
            yield from self._resolve(member, self._scope(value, scope), steps[1:], depth + 1)
        else:
            yield term, scope, steps

    def _values(self, path: DataPath, arguments: tuple[Any, ...], steps: Steps, depth: int) -> Iterator[Any]:
        """What the definitions of a rule give, with these arguments if it is a function."""
        package, name = path[:-1], path[-1]
        for tree in self.packages.get(package, {}).get(name, []):
            branch: Node | None = tree
            while branch:
                head = branch["head"]
                scope = self._scope(branch, _Scope(package, _parameters(head, arguments)))
                if "value" in head:
                    below = steps[1:] if len(head["ref"]) > 1 else steps  # a rule with a key, such as one for each line
                    yield from self._resolve(head["value"], scope, below, depth + 1)
                elif "key" in head:
                    yield from self._resolve(head["key"], scope, steps[1:], depth + 1)
                branch = branch.get("else")

    def _scope(self, part: Node, around: _Scope) -> _Scope:
        """The scope of the body of a rule or a comprehension."""
        bound: dict[str, tuple[tuple[Node, _Scope, Steps], ...]] = dict(around.bound)
        scope = _Scope(around.package, bound)
        for expression in part["body"]:
            for name, term, steps in _bindings(expression["terms"]):
                bound[name] = (*bound.get(name, ()), (term, scope, steps))
        return scope

    def _rule_at(self, path: DataPath) -> DataPath | None:
        sizes = range(1, len(path))
        return next((path[: size + 1] for size in sizes if path[size] in self.packages.get(path[:size], {})), None)

    def _function(self, operator: Node, scope: _Scope) -> DataPath | None:
        path = tuple(_steps(operator["value"])) if operator["type"] == "ref" else (operator["value"],)
        if operator["type"] == "ref" and operator["value"][0]["value"] == "data":
            return self._rule_at(path[1:])
        own = operator["value"][0]["value"] if operator["type"] == "ref" else operator["value"]
        return (*scope.package, own) if own in self.packages[scope.package] else None

    # --- What a condition depends on

    def _conditions(self, tree: Node, package: DataPath, depth: int) -> Iterator[Origin]:
        """The origins of all terms of a rule, and of the conditions of the helpers that it asks yes or no."""
        branch: Node | None = tree
        while branch and depth < DEEPEST:
            scope = self._scope(branch, _Scope(package, {}))
            for part in ("value", "key"):
                if part in branch["head"]:
                    yield from self._origins(branch["head"][part], scope, (), depth)
            for expression in branch["body"]:
                for term, within in self._terms(expression["terms"], scope):
                    yield from self._origins(term, within, (), depth)
                    for helper in self._yes_or_no(term, within):
                        yield from self._conditions(helper, within.package, depth + 10)
            branch = branch.get("else")

    def _terms(self, terms: Node, scope: _Scope) -> Iterator[tuple[Node, _Scope]]:
        """The terms of an expression, from the outside."""
        if isinstance(terms, list):
            if self._function(terms[0], scope):
                yield {"type": "call", "value": terms}, scope
            for each in terms[1:]:
                yield from self._terms(each, scope)
        elif "symbols" in terms:
            for each in terms["symbols"]:
                if each["type"] == "call":
                    yield each["value"][-1], scope
        elif "domain" in terms:
            yield terms["domain"], scope
            inner = self._scope(terms, scope)
            for expression in terms["body"]:
                yield from self._terms(expression["terms"], inner)
        else:
            yield terms, scope

    def _yes_or_no(self, term: Node, scope: _Scope) -> Iterator[Node]:
        """The helpers of the same page whose value is only that they apply."""
        name = term["value"] if term["type"] == "var" else None
        if term["type"] == "call" and term["value"][0]["type"] in ("ref", "var"):
            name = _name_of(term["value"][0])
        for tree in self.packages[scope.package].get(name or "", []):
            if tree["head"].get("value") == {"type": "boolean", "value": True}:
                yield tree


def _parameters(head: Node, arguments: tuple[Any, ...]) -> dict[str, tuple[tuple[Node, _Scope, Steps], ...]]:
    """The arguments of a function by the names that it gives them."""
    names = [each["value"] if each["type"] == "var" else "" for each in head.get("args", [])]
    given: dict[str, tuple[tuple[Node, _Scope, Steps], ...]] = {name: () for name in names if name}
    return given | {name: (argument,) for name, argument in zip(names, arguments, strict=False) if name}


def _bindings(terms: Node) -> Iterator[tuple[str, Node, Steps]]:
    """The names that an expression binds: each with a term and the steps from it."""
    if isinstance(terms, list):
        if _name_of(terms[0]) in ("assign", "eq") and len(terms) == 3:
            if terms[1]["type"] == "var":
                yield terms[1]["value"], terms[2], ()
            elif terms[1]["type"] == "array":
                for each in terms[1]["value"]:
                    if each["type"] == "var":
                        yield each["value"], terms[2], (ANY,)
    elif "symbols" in terms:
        for each in terms["symbols"]:
            if each["type"] == "call":
                *names, collection = each["value"][1:]
                yield from _members(names, collection)
    elif "domain" in terms:
        names = [each for each in (terms["key"], terms["value"]) if each]
        yield from _members(names, terms["domain"])


def _members(names: list[Node], collection: Node) -> Iterator[tuple[str, Node, Steps]]:
    if names[-1]["type"] == "var":
        yield names[-1]["value"], collection, (ANY,)
    if len(names) == 2 and names[0]["type"] == "var":
        keys = {"type": "call", "value": [{"type": "ref", "value": [_var("object"), _text("keys")]}, collection]}
        yield names[0]["value"], keys, (ANY,)


def _var(name: str) -> Node:
    return {"type": "var", "value": name}


def _text(text: str) -> Node:
    return {"type": "string", "value": text}


def _name_of(operator: Node) -> str:
    steps = operator["value"] if operator["type"] == "ref" else [operator]
    return ".".join(str(each["value"]) for each in steps)


def _steps(path: list[Node]) -> list[str]:
    return [str(each["value"]) if each["type"] == "string" else ANY for each in path]
