"""The rules of a bundle as `opa parse` reads them: what each says, comments and METADATA aside, and what it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from therapy_policy.policy.bundles import Bundle

Path = tuple[str, ...]  # of a document below `data`, such as ("therapy", "parameters")

PAGE_OF_DECISIONS: Path = ("therapy",)  # the package of the entry points


@dataclass(frozen=True)
class Branch:
    """A rule, or what stands behind one of its `else`: it says nothing for request types that its body leaves out."""

    only_for: frozenset[str] | None  # the request types, where the body names some
    reads: frozenset[Path]

    def holds_for(self, request_type: str) -> bool:
        """Whether it can say something on requests of a type."""
        return self.only_for is None or request_type in self.only_for


@dataclass(frozen=True)
class Rule:
    file: str
    package: Path
    name: str
    title: str | None
    notes: str  # its METADATA
    says: str  # all of it but comments and METADATA
    branches: tuple[Branch, ...]

    def holds_for(self, request_type: str) -> bool:
        """Whether some branch of it can say something on requests of a type."""
        return any(branch.holds_for(request_type) for branch in self.branches)


@dataclass(frozen=True)
class Rules:
    """All rules of a bundle. `words` are the names and texts in them, so each member that one of them names."""

    rules: tuple[Rule, ...]
    titles: Mapping[Path, str]  # of the packages that have one
    notes_of_packages: Mapping[Path, str]
    words: frozenset[str]

    @cached_property
    def packages(self) -> dict[Path, list[Rule]]:
        """The rules of each package."""
        found: dict[Path, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.package, []).append(rule)
        return found

    @cached_property
    def read(self) -> frozenset[Path]:
        """All documents that some rule can read."""
        return frozenset(path for rule in self.rules for branch in rule.branches for path in branch.reads)

    def asked(self, request_type: str) -> tuple[set[Path], set[Path]]:
        """The packages whose rules a decision on a request type can ask, and all documents that these can read."""
        packages: set[Path] = set()
        read: set[Path] = set()
        found = {PAGE_OF_DECISIONS}
        while found:
            packages |= found
            read |= {
                path
                for package in found
                for rule in self.packages.get(package, [])
                for branch in rule.branches
                if branch.holds_for(request_type)
                for path in branch.reads
            }
            found = {package for package in self.packages if package not in packages and self._asked_by(package, read)}
        return packages, read

    def _asked_by(self, package: Path, read: set[Path]) -> bool:
        names = {rule.name for rule in self.packages[package]}
        size = len(package)
        return any(
            package[: len(path)] == path or (path[:size] == package and path[size] in names)
            for path in read
            if len(path) <= size or path[:size] == package
        )


def rules_of(bundle: Bundle) -> Rules:
    """Raises `OpaNotAvailable`."""
    rules: list[Rule] = []
    titles: dict[Path, str] = {}
    notes: dict[Path, str] = {}
    words: set[str] = set()
    for file, tree in bundle.parsed().items():
        package = _constants(tree["package"]["path"][1:])
        for each in tree.get("annotations", []):
            if each["scope"] in ("package", "subpackages"):
                titles[package] = each.get("title", "")
                notes[package] = json.dumps(each, sort_keys=True)
        imports = {}
        for each in tree.get("imports", []):
            path = each["path"]["value"]
            imports[each.get("alias", path[-1]["value"])] = path
        for rule in tree.get("rules", []):
            plain = _plain(rule, imports)
            words |= set(_texts(plain))
            about = rule.get("annotations", [])
            rules.append(
                Rule(
                    file,
                    package,
                    str(rule["head"].get("name") or rule["head"]["ref"][0]["value"]),
                    next((each["title"] for each in about if "title" in each), None),
                    json.dumps(about, sort_keys=True),
                    json.dumps(plain, sort_keys=True),
                    tuple(_branches(plain)),
                )
            )
    return Rules(tuple(rules), titles, notes, frozenset(words))


def _plain(node: Any, imports: Mapping[str, Any]) -> Any:
    """A tree without METADATA, each import by its whole path, and all names that the parser made up the same."""
    if isinstance(node, list):
        return [_plain(each, imports) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "var":
        if node["value"] in imports:
            return {"type": "ref", "value": imports[node["value"]]}
        return {"type": "var", "value": "$" if node["value"].startswith("$") else node["value"]}
    if node.get("type") == "ref":
        first, *rest = node["value"]
        whole = imports.get(first["value"]) if first["type"] == "var" else None
        return {"type": "ref", "value": [*(whole or [_plain(first, {})]), *_plain(rest, imports)]}
    return {name: _plain(each, imports) for name, each in node.items() if name not in ("annotations", "location")}


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") in ("var", "string"):
            yield node["value"]
        for each in node.values():
            yield from _texts(each)
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)


def _branches(rule: Any) -> Iterator[Branch]:
    only = [found for each in rule["body"] if (found := _request_types(each)) is not None]
    own = {name: each for name, each in rule.items() if name != "else"}
    yield Branch(frozenset.intersection(*only) if only else None, frozenset(_reads(own)))
    if "else" in rule:
        yield from _branches(rule["else"])


REQUEST_TYPE = {
    "type": "ref",
    "value": [{"type": "var", "value": "input"}, {"type": "string", "value": "request_type"}],
}


def _request_types(expression: Any) -> frozenset[str] | None:
    """The request types that an expression leaves, where it is `input.request_type == "…"` or `… in {"…", …}`."""
    terms = expression["terms"]
    if expression.get("negated") or expression.get("with") or not isinstance(terms, list) or len(terms) != 3:
        return None
    operator = ".".join(str(each["value"]) for each in terms[0]["value"]) if terms[0]["type"] == "ref" else ""
    others = [each for each in terms[1:] if each != REQUEST_TYPE]
    if len(others) != 1:
        return None
    if operator in ("equal", "eq") and others[0]["type"] == "string":
        return frozenset({others[0]["value"]})
    if operator == "internal.member_2" and terms[1] == REQUEST_TYPE and others[0]["type"] in ("set", "array"):
        names = others[0]["value"]
        if all(each["type"] == "string" for each in names):
            return frozenset(each["value"] for each in names)
    return None


def _reads(node: Any) -> Iterator[Path]:
    """The path of each reference to `data`, as far as it is fixed."""
    if isinstance(node, dict):
        if node.get("type") == "ref" and node["value"][0] == {"type": "var", "value": "data"}:
            yield _constants(node["value"][1:])
        for each in node.values():
            yield from _reads(each)
    elif isinstance(node, list):
        for each in node:
            yield from _reads(each)


def _constants(steps: list[Any]) -> Path:
    found: list[str] = []
    for step in steps:
        if step["type"] != "string":
            break
        found.append(step["value"])
    return tuple(found)
