"""A bundle as the review reads it: its pages of Rego in passages, and what depends on what.

All of it comes from the bundle: from the syntax trees of its rules and their METADATA, from its registers and from its
parameters. If the review cannot read something, it raises `PolicyNotReadable`; it never leaves anything out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from therapy_policy.client.decision import Decision
from therapy_policy.errors import PolicyNotReadable
from therapy_policy.policy import rego
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import Parameter, parameters_of
from therapy_policy.policy.registers import applies_to
from therapy_policy.policy.rego import ENTRY_PACKAGE, DataPath, Mention
from therapy_policy.review.requests import in_words

OUTCOME = "outcome"  # the rule of the entry page whose branches give the outcome
DETERMINATION = "determination"  # the rule of a page that the entry page asks
USABLE_VALUES = ("therapy", "usable_values")  # the page that checks the policy's own values, and reads no request
INVALID_REQUEST = "invalid_request"  # the outcome of a request that is not valid, whatever its reasons are


@dataclass(frozen=True)
class TitledRule:
    """A rule with a title, or a line of a page that names something."""

    name: str
    title: str
    description: str
    codes: tuple[str, ...]  # the reason codes that it names
    page: str  # the path of its page in the bundle
    row: int


@dataclass(frozen=True)
class Passage:
    """Lines of a page that belong together, such as a titled rule with its other definitions and its helpers."""

    first: int  # the number of the first line
    lines: tuple[str, ...]
    rules: tuple[TitledRule, ...]  # those with titles
    parameters: tuple[str, ...]  # the names of the parameters that the lines read, each once


def anchor_of(page: str) -> str:
    """The name of the anchor of a page of rules, such as outpatient_pt.visit, by its path in the bundle."""
    return page.removesuffix(".rego").removeprefix("therapy/").replace("/", ".")


@dataclass(frozen=True)
class Page:
    """One page of Rego."""

    path: str  # in the bundle, such as therapy/outpatient_pt/visit.rego
    package: DataPath
    title: str
    description: str
    passages: tuple[Passage, ...]
    mentions: tuple[Mention, ...]

    @property
    def anchor(self) -> str:
        """The name of its anchor on the site, such as outpatient_pt.visit."""
        return anchor_of(self.path)

    @property
    def rules(self) -> list[TitledRule]:
        """Its rules with titles, in order."""
        return [rule for passage in self.passages for rule in passage.rules]

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that it reads, each once."""
        return list(dict.fromkeys(name for passage in self.passages for name in passage.parameters))


@dataclass(frozen=True)
class OutcomeBranch:
    """One condition for an outcome; the policy checks them in order."""

    outcome: str | None  # None if the determination of the request type gives it
    effect: str | None  # the effect of the reasons that lead to it
    part: str | None  # or the part of the determination that leads to it


class PolicyView:
    """The content of a bundle, by the names that people use."""

    def __init__(self, bundle: Bundle, request_types: Iterable[str]) -> None:
        """Read a bundle that decides these request types, which `load` has checked."""
        self.bundle = bundle
        self.request_types = list(request_types)

    @cached_property
    def therapy(self) -> dict[str, Any]:
        """The document below `data.therapy`, without the rules."""
        document: dict[str, Any] = self.bundle.data["therapy"]
        return document

    @cached_property
    def clauses(self) -> dict[str, Any]:
        """The clauses of the source, in its order."""
        return _in_order(self.therapy["register"]["clauses"])

    @cached_property
    def codes(self) -> dict[str, Any]:
        """The reason codes, in the order of the register, each with what it applies to."""
        return {
            code: entry | {"applies_to": applies_to(entry)}
            for code, entry in _in_order(self.therapy["register"]["reason_codes"]).items()
        }

    @cached_property
    def interpretations(self) -> dict[str, Any]:
        """The interpretations, by number."""
        register: dict[str, Any] = self.therapy["register"]["interpretations"]
        names = sorted(register, key=lambda name: (len(name), name))  # INT-2 before INT-10
        return {name: register[name] for name in names}

    @cached_property
    def source(self) -> dict[str, Any]:
        """The page that the clauses come from: its title and address, if they are known, and the clauses of each
        paragraph."""
        return {"title": None, "address": None, "paragraphs": []} | (self.therapy["register"].get("source") or {})

    @cached_property
    def episode(self) -> dict[str, Any]:
        """The steps of an episode of care, and which outcome leads from one step to another."""
        return self.therapy["register"].get("episode") or {"steps": {}, "leads_to": []}

    def paragraphs(self, clause: str) -> list[int]:
        """The paragraphs of the source that contain a clause, counted from 1."""
        return [number for number, each in enumerate(self.source["paragraphs"], start=1) if clause in each["clauses"]]

    # --- Parameters

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters, in the order of the clauses that they come from, each with its periods."""
        position = {clause: number for number, clause in enumerate(self.clauses)}
        ordered = sorted(
            parameters_of(self.therapy["parameters"]).values(),
            key=lambda each: ([position[clause] for clause in each.clauses], each.name),
        )
        return {parameter.name: parameter for parameter in ordered}

    @cached_property
    def first_date(self) -> str:
        """The first date that a request can have; a period that starts then applies to every date."""
        return f"{min(self.therapy['lib']['calendar']['years'])}-01-01"

    # --- Pages and rules

    @cached_property
    def pages(self) -> dict[str, Page]:
        """The pages of Rego, by path."""
        return {page.file: self._page(page) for page in self.bundle.rego.pages}

    def _page(self, page: rego.Page) -> Page:
        lines = self.bundle.texts[page.file].rstrip("\n").split("\n")
        passages = tuple(self._passages(page, lines))
        title = in_words(PurePath(page.file).stem).capitalize() if page.title == page.file else page.title
        return Page(page.file, page.package, title, page.description, passages, page.mentions)

    def _passages(self, page: rego.Page, lines: list[str]) -> Iterator[Passage]:
        """Divide a page before each titled rule, but keep all definitions of a rule together."""
        starts: list[int] = []
        groups: list[list[rego.RegoRule]] = []
        for rule in sorted(page.rules, key=lambda rule: rule.row):
            if not groups or (rule.title and all(rule.name != each.name or each.title for each in groups[-1])):
                starts.append(rule.first_row)
                groups.append([])
            groups[-1].append(rule)
        if starts and starts[0] > 1:
            yield Passage(1, tuple(lines[: starts[0] - 1]), (), ())
        for start, end, group in zip(starts, [*starts[1:], len(lines) + 1], groups, strict=True):
            yield Passage(
                start,
                tuple(lines[start - 1 : end - 1]),
                tuple(self._rule(rule) for rule in group if rule.title),
                tuple(dict.fromkeys(name for rule in group for name in self._parameters_read(rule))),
            )

    def _rule(self, rule: rego.RegoRule) -> TitledRule:
        codes = tuple(sorted(rule.texts & self.codes.keys()))
        return TitledRule(rule.name, rule.title or "", rule.description, codes, rule.file, rule.row)

    def _parameters_read(self, rule: rego.RegoRule) -> list[str]:
        """The parameters that a rule reads, also by the page that tells which values can be used."""
        paths = {each for path in rule.reads for each in self._usable_values.get(path[:3], {path})}
        return [name for path in sorted(paths) if (name := self.parameter_at(path))]

    @cached_property
    def _usable_values(self) -> dict[DataPath, frozenset[DataPath]]:
        """The documents that each rule of the page of usable values reads; policies before 2.1.0 have no such page."""
        return {(*rule.package, rule.name): rule.reads for rule in self.bundle.rego.packages.get(USABLE_VALUES, ())}

    def parameter_at(self, path: DataPath) -> str | None:
        """The parameter that a document belongs to."""
        below = path[2:] if path[:2] == ("therapy", "parameters") else ()
        names = (".".join(below[:size]) for size in range(1, len(below) + 1))
        return next((name for name in names if name in self.parameters), None)

    @cached_property
    def _by_package(self) -> dict[DataPath, Page]:
        return {page.package: page for page in self.pages.values()}

    @cached_property
    def entry_page(self) -> Page:
        """The page that puts a decision together."""
        try:
            return self._by_package[ENTRY_PACKAGE]
        except KeyError:
            raise PolicyNotReadable(
                f"{self.bundle.name} has no page of the package {'.'.join(ENTRY_PACKAGE)}"
            ) from None

    @cached_property
    def roots(self) -> dict[str, list[Page]]:
        """By request type: the pages that the entry page asks for it."""
        roots = {kind: self._pages(self.bundle.rego.packages_for(kind)) for kind in self.request_types}
        if missing := [kind for kind, pages in roots.items() if not pages]:
            raise PolicyNotReadable(f"{self.entry_page.path} does not say where requests of the type {missing[0]} go")
        return roots

    def _pages(self, packages: Iterable[DataPath]) -> list[Page]:
        return [self._by_package[package] for package in packages]

    @cached_property
    def _pages_by_type(self) -> dict[str, list[Page]]:
        return {kind: list(self._pages_deciding(kind)) for kind in self.request_types}

    def _pages_deciding(self, request_type: str) -> Iterator[Page]:
        roots = self.roots[request_type]
        packages, _ = self.bundle.rego.reachable({page.package for page in roots}, request_type)
        yield from roots
        yield from self._used(packages - {page.package for page in roots})

    def pages_of(self, request_type: str) -> list[Page]:
        """The pages that decide a request type: the ones that the entry page asks, then all that they use."""
        return self._pages_by_type[request_type]

    @cached_property
    def common_pages(self) -> list[Page]:
        """The pages that belong to no single request type: those for every request, then those of the sidecar."""
        rest = [page for page in self.pages.values() if page != self.entry_page and not self.types_of[page.path]]
        every = [page for page in rest if page.package[:1] == ENTRY_PACKAGE]
        return [self.entry_page, *every, *(page for page in rest if page not in every)]

    def _used(self, packages: Iterable[DataPath]) -> list[Page]:
        return sorted(self._pages(packages), key=lambda page: ("lib" in page.package, page.path))

    @cached_property
    def rules_of_code(self) -> dict[str, list[TitledRule]]:
        """The rules that give each reason code: titled rules or, if there are none, the lines that name the code."""
        rules: dict[str, list[TitledRule]] = {code: [] for code in self.codes}
        for page in self.pages.values():
            for rule in page.rules:
                for code in rule.codes:
                    rules[code].append(rule)
        for page in self.pages.values():
            for mention in page.mentions:
                name = mention.target
                if isinstance(name, str) and name in rules and not any(rule.name for rule in rules[name]):
                    rules[name].append(TitledRule("", page.title, "", (name,), page.path, mention.row))
        return rules

    @cached_property
    def readers(self) -> dict[str, list[TitledRule]]:
        """The titled rules that use each parameter, by themselves or through a helper of their page."""
        readers: dict[str, list[TitledRule]] = {name: [] for name in self.parameters}
        for page in self.bundle.rego.pages:
            if page.package == USABLE_VALUES:  # it decides nothing; the rules that use its values do
                continue
            for name in dict.fromkeys(name for rule in page.rules for name in self._parameters_read(rule)):
                using = {id(rule) for rule in page.rules if name in self._parameters_read(rule)}
                while more := {id(rule) for rule in page.rules if rule.names & _helpers(page, using)} - using:
                    using |= more
                rules = [self._rule(rule) for rule in page.rules if rule.title and id(rule) in using]
                if not rules:
                    row = min(rule.row for rule in page.rules if id(rule) in using)
                    rules = [TitledRule("", page.title, "", (), page.file, row)]
                readers[name].extend(rules)
        return readers

    @cached_property
    def types_of(self) -> dict[str, list[str]]:
        """The request types whose decisions depend on each page; none for a page for every request."""
        types: dict[str, list[str]] = {path: [] for path in self.pages}
        for request_type in self.request_types:
            for page in self.pages_of(request_type):
                types[page.path].append(request_type)
        return types

    def codes_of(self, request_type: str) -> list[str]:
        """The reason codes that a decision of a request type can have, in the order of the register."""
        paths = {page.path for page in [*self.pages_of(request_type), *self.common_pages]}
        return [code for code in self.codes if any(rule.page in paths for rule in self.rules_of_code[code])]

    # --- What belongs to a clause or a reason code

    def types_of_code(self, code: str) -> list[str]:
        """The request types whose decisions can have a reason code."""
        return [kind for kind in self.request_types if code in self.codes_of(kind)]

    def codes_of_clause(self, clause: str) -> list[str]:
        """The reason codes that cite a clause."""
        return [code for code, entry in self.codes.items() if clause in entry["clauses"]]

    def codes_of_interpretation(self, name: str) -> list[str]:
        """The reason codes that cite an interpretation."""
        return [code for code, entry in self.codes.items() if entry["interpretation"] == name]

    def interpretations_of_clause(self, clause: str) -> list[str]:
        """The interpretations that reason codes of a clause cite."""
        cited = {self.codes[code]["interpretation"] for code in self.codes_of_clause(clause)}
        return [name for name in self.interpretations if name in cited]

    def parameters_of_clause(self, clause: str) -> list[Parameter]:
        """The parameters that come from a clause."""
        return [parameter for parameter in self.parameters.values() if clause in parameter.clauses]

    def rules_of_clause(self, clause: str) -> list[TitledRule]:
        """The rules of a clause: those that give its codes, and those that read its parameters.

        A rule that reads a parameter only for entries of other clauses does not count.
        """
        of_codes = [rule for code in self.codes_of_clause(clause) for rule in self.rules_of_code[code]]
        reading = [
            rule
            for parameter in self.parameters_of_clause(clause)
            for rule in self.readers[parameter.name]
            if not self._of_other_entries(rule, parameter, clause)
        ]
        if of_codes:  # rules with other codes belong to other clauses
            reading = [rule for rule in reading if not rule.codes]
        return list(dict.fromkeys([*of_codes, *reading]))

    def _of_other_entries(self, rule: TitledRule, parameter: Parameter, clause: str) -> bool:
        own = {each for code in rule.codes for each in self.codes[code]["clauses"]}
        return bool(own) and clause not in own and own <= {cited for _, cited in parameter.entries}

    def entries_of_clause(self, clause: str) -> list[str]:
        """The entries of parameters that cite a clause."""
        return [entry for each in self.parameters_of_clause(clause) for entry, cited in each.entries if cited == clause]

    # --- Outcomes

    @cached_property
    def branches(self) -> list[OutcomeBranch]:
        """The conditions for each outcome, in the order of the policy; the last one is for all other requests."""
        branches = [
            self._branch(branch)
            for rule in self.bundle.rego.packages[ENTRY_PACKAGE]
            if rule.name == OUTCOME and not rule.is_default
            for branch in rule.branches
        ]
        effects = {branch.effect for branch in branches} | {"info"}
        if not branches or {entry["effect"] for entry in self.codes.values()} - effects or branches[-1].outcome:
            raise PolicyNotReadable(f"{self.entry_page.path} does not say which outcome follows from each effect")
        return branches

    def _branch(self, branch: rego.RuleBranch) -> OutcomeBranch:
        effects = {entry["effect"] for entry in self.codes.values()}
        effects_in_body = [text for text in rego.texts_in(branch.body) if text in effects]
        outcome = branch.value["value"] if branch.value["type"] == "string" else None
        if outcome == INVALID_REQUEST:
            effects_in_body = ["invalid"]
        parts = [path[1] for path in rego.references_in([branch.value, branch.body]) if path[0] == DETERMINATION]
        return OutcomeBranch(outcome, effects_in_body[0] if effects_in_body else None, parts[0] if parts else None)

    def rules_of_part(self, request_type: str, part: str | None = None) -> list[TitledRule]:
        """The titled rules that give a part of the determination of a request type, or (without one) every part."""
        rules = []
        for page in self.roots[request_type]:
            for rule in self.bundle.rego.packages[page.package]:
                if rule.name == DETERMINATION and not rule.is_default:
                    for name, value in rego.fields_of(rule.branches[0].value):
                        if part in (None, name):
                            rules += [each for each in page.rules if each.name in rego.names_in(value)]
        return list(dict.fromkeys(rules))

    def deciding_reason(self, decision: Decision) -> Any:
        """The deciding reason: the first one whose effect leads to the outcome; None if there is none.

        A reason for the whole request comes before one for a line or for units.
        """
        of_outcome = {branch.effect for branch in self.branches if branch.outcome == decision["outcome"]}
        effects = of_outcome - {None} or {branch.effect for branch in self.branches}
        reasons = [reason for reason in decision["reasons"] if reason["effect"] in effects]
        on_request = [reason for reason in reasons if self.codes[reason["code"]]["applies_to"] == "request"]
        return next(iter([*on_request, *reasons]), None)


def _in_order(register: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(register.items(), key=lambda item: int(item[1]["order"])))


def _helpers(page: rego.Page, using: set[int]) -> set[str]:
    """The names of the rules without a title."""
    return {rule.name for rule in page.rules if id(rule) in using and not rule.title}
