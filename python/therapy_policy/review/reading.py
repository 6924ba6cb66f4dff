"""A bundle as the review reads it: its pages of Rego in passages, and what rests on what.

Everything here is found in the bundle: in the METADATA of its rules, its registers, its parameters, and the text of
its pages. What the review cannot read raises `PolicyNotReadable`, rather than leaving something out of the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from therapy_policy.client.decision import Decision
from therapy_policy.errors import PolicyNotReadable
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import Parameter, parameters_of
from therapy_policy.policy.registers import applies_to, problem_of

ROOT_PACKAGE = "therapy"
CODE = re.compile(r'"([A-Z]+(?:_[A-Z]+)+)"')
PARAMETER = re.compile(r"data\.therapy\.parameters\.([a-z_.]+)\.periods")
IMPORT = re.compile(r"^import data\.([\w.]+)(?: as (\w+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """A rule with METADATA: what it says of itself, and where it stands."""

    name: str
    title: str
    description: str
    code: str | None  # the reason code that it finds
    page: str  # the path of its page in the bundle
    row: int


@dataclass(frozen=True)
class Passage:
    """Some lines of a page that belong together: a rule and what it says of itself, or lines without a title."""

    first: int  # the number of the first line
    lines: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that the lines read, each once."""
        return list(dict.fromkeys(PARAMETER.findall(self.text)))


@dataclass(frozen=True)
class Page:
    """One page of Rego."""

    path: str  # in the bundle, as in therapy/outpatient_pt/visit.rego
    package: str  # as in therapy.outpatient_pt.visit
    title: str
    description: str
    passages: tuple[Passage, ...]

    @property
    def anchor(self) -> str:
        """What its place on a site is called, as in outpatient_pt.visit."""
        return self.path.removesuffix(".rego").removeprefix("therapy/").replace("/", ".")

    @property
    def text(self) -> str:
        """Its whole text."""
        return "\n".join(passage.text for passage in self.passages)

    @property
    def imports(self) -> dict[str, str]:
        """The packages that it imports, by the name that it uses for each."""
        return {alias or package.rpartition(".")[2]: package for package, alias in IMPORT.findall(self.text)}

    @property
    def rules(self) -> list[Rule]:
        """Its rules with METADATA, in order."""
        return [rule for passage in self.passages for rule in passage.rules]


@dataclass(frozen=True)
class Branch:
    """One way to an outcome, in the order in which the policy looks at them."""

    outcome: str | None  # None where units and lines say
    effect: str | None  # the effect of the reasons that lead there
    rule: Rule | None  # or the rule that does
    request_type: str | None  # None for all
    malformed: bool  # whether it is for requests that are not of the published form


class Policy:
    """What a bundle holds, by the names that people use."""

    def __init__(self, bundle: Bundle, request_types: Iterable[str]) -> None:
        """Read a bundle that judges these types of request.

        Raises `PolicyNotReadable` where a register or a parameter is not as the review needs it.
        """
        self.bundle = bundle
        self.request_types = list(request_types)
        if problem := problem_of(self.therapy, self.request_types):
            raise PolicyNotReadable(f"{bundle.name} cannot be reviewed: {problem}; correct it and try again")

    @cached_property
    def therapy(self) -> dict[str, Any]:
        """The document below `data.therapy`, without the rules."""
        found: dict[str, Any] = self.bundle.data["therapy"]
        return found

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
        """The interpretations, by number, each with a review, null where nobody has looked at it."""
        register: dict[str, Any] = self.therapy["register"]["interpretations"]
        names = sorted(register, key=lambda name: (len(name), name))  # INT-2 before INT-10
        return {name: {"review": None} | register[name] for name in names}

    @cached_property
    def source(self) -> dict[str, Any]:
        """The page that the clauses come from: its title, and the clauses of each paragraph."""
        return self.therapy["register"].get("source") or {"title": None, "paragraphs": []}

    @cached_property
    def episode(self) -> dict[str, Any]:
        """The way through an episode of care."""
        return self.therapy["register"].get("episode") or {"steps": {}, "leads_to": []}

    def paragraphs(self, clause: str) -> list[int]:
        """The paragraphs of the source that say a clause, counted from 1."""
        return [number for number, each in enumerate(self.source["paragraphs"], start=1) if clause in each["clauses"]]

    # --- Parameters

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters, in the order of the clauses that they come from, each with its periods."""
        place = {clause: number for number, clause in enumerate(self.clauses)}
        found = parameters_of(self.therapy["parameters"]).values()
        ordered = sorted(found, key=lambda each: ([place[clause] for clause in each.clauses], each.name))
        return {parameter.name: parameter for parameter in ordered}

    @cached_property
    def first_date(self) -> str:
        """The first date that a request can bear; a period from then on holds for every date."""
        return f"{min(self.therapy['lib']['calendar']['years'])}-01-01"

    # --- Pages and rules

    @cached_property
    def pages(self) -> dict[str, Page]:
        """The pages of Rego, by path."""
        by_page: dict[str, list[Any]] = {}
        for each in self.bundle.inspected()["annotations"]:
            by_page.setdefault(each["location"]["file"].lstrip("/"), []).append(each)
        return {path: _page(path, text, by_page.get(path, [])) for path, text in self.bundle.rego.items()}

    @cached_property
    def _by_package(self) -> dict[str, Page]:
        return {page.package: page for page in self.pages.values()}

    @cached_property
    def entry_page(self) -> Page:
        """The page that says what a decision is made of."""
        try:
            return self._by_package[ROOT_PACKAGE]
        except KeyError:
            raise PolicyNotReadable(f"{self.bundle.name} has no page of the package {ROOT_PACKAGE}") from None

    @cached_property
    def roots(self) -> dict[str, list[tuple[Page, list[Rule]]]]:
        """By request type: the pages that the entry page asks for it, with the rules that it asks by name."""
        found = {}
        for request_type in self.request_types:
            asked: dict[str, list[Rule]] = {}
            for passage in self._statements(request_type):
                for alias, package in self.entry_page.imports.items():
                    names = re.findall(rf"\b{alias}\.(\w+)", passage)
                    if names and package in self._by_package:
                        rules = [rule for rule in self._by_package[package].rules if rule.name in names]
                        asked.setdefault(package, []).extend(rules)
            if not asked:
                raise PolicyNotReadable(
                    f"{self.entry_page.path} does not say where requests of the type {request_type} go"
                )
            found[request_type] = [
                (self._by_package[package], list(dict.fromkeys(rules))) for package, rules in asked.items()
            ]
        return found

    def _statements(self, request_type: str) -> Iterator[str]:
        """The statements of the entry page that name a request type."""
        for passage in self.entry_page.passages:
            for statement in re.split(r"\n\n|\belse\b", passage.text):
                if f'"{request_type}"' in statement:
                    yield statement

    def closure(self, request_type: str) -> list[Page]:
        """The pages that decisions of a request type rest on: those asked for it, then all that they import."""
        return self._imported([page for page, _ in self.roots[request_type]])

    @cached_property
    def common_pages(self) -> list[Page]:
        """The pages that are of no request type: those of every request, then those of the sidecar itself."""
        every = self._imported([self.entry_page])
        rest = [page for page in self.pages.values() if page not in every]
        return [page for page in [*every, *rest] if not self.types_of[page.path]]

    def _imported(self, pages: list[Page]) -> list[Page]:
        found = {page.path: page for page in pages}
        queue = list(pages)
        while queue:
            for package in queue.pop(0).imports.values():
                page = self._by_package.get(package)
                if page and page.path not in found:
                    found[page.path] = page
                    queue.append(page)
        rest = sorted(found.keys() - {page.path for page in pages}, key=lambda path: (path.count("/lib/"), path))
        return [*pages, *(found[path] for path in rest)]

    @cached_property
    def rules_of_code(self) -> dict[str, list[Rule]]:
        """The rules that find each reason code: those that say so or, where none does, those that name it."""
        found: dict[str, list[Rule]] = {code: [] for code in self.codes}
        for page in self.pages.values():
            for rule in page.rules:
                if rule.code in found:
                    found[rule.code].append(rule)
        for code, rules in found.items():
            if not rules:
                found[code] = [
                    Rule("", page.title, "", code, page.path, _row(passage, f'"{code}"'))
                    for page in self.pages.values()
                    for passage in page.passages
                    if f'"{code}"' in passage.text
                ]
        return found

    @cached_property
    def readers(self) -> dict[str, list[Rule]]:
        """The rules with METADATA that rest on each parameter: that read it, or a name that their page gives to it."""
        found: dict[str, list[Rule]] = {name: [] for name in self.parameters}
        for page in self.pages.values():
            for name in dict.fromkeys(PARAMETER.findall(page.text)):
                rules = _resting_on(page, f"data.therapy.parameters.{name}.periods")
                if not rules:
                    row = next(_row(each, name) for each in page.passages if name in each.parameters)
                    rules = [Rule("", page.title, "", None, page.path, row)]
                found.setdefault(name, []).extend(rules)
        return found

    @cached_property
    def types_of(self) -> dict[str, list[str]]:
        """The request types whose decisions rest on each page; none for a page of every request."""
        found: dict[str, list[str]] = {path: [] for path in self.pages}
        for request_type in self.request_types:
            for page in self.closure(request_type):
                found[page.path].append(request_type)
        return found

    def codes_of(self, request_type: str) -> list[str]:
        """The reason codes that a decision of a request type can have, in the order of the register."""
        paths = {page.path for page in [*self.closure(request_type), *self.common_pages]}
        return [code for code in self.codes if any(rule.page in paths for rule in self.rules_of_code[code])]

    # --- Outcomes

    @cached_property
    def branches(self) -> list[Branch]:
        """What leads to which outcome, in the order in which the policy looks; the last is for all that is left."""
        written = re.search(r"^outcome := (.*?)(?:\n\n|\Z)", self.entry_page.text, re.MULTILINE | re.DOTALL)
        statement = written[1] if written else ""
        found = []
        for part in re.split(r"\belse := ", statement):
            outcome, _, condition = part.partition(" if {")
            effect = re.search(r'"(\w+)" in effects_on_request', condition)
            asked = re.search(r"^\s*(\w+)\.(\w+)$", condition, re.MULTILINE)
            kind = re.search(r'input\.request_type == "(\w+)"', condition)
            found.append(
                Branch(
                    outcome=outcome.strip().strip('"') if outcome.strip().startswith('"') else None,
                    effect=effect[1] if effect else None,
                    rule=self._rule(*asked.groups()) if asked else None,
                    request_type=kind[1] if kind else None,
                    malformed="not judged" in condition,
                )
            )
        decided = {branch.effect for branch in found} | {"info"}
        decided |= {"invalid" for branch in found if branch.malformed}
        if {entry["effect"] for entry in self.codes.values()} - decided or found[-1].outcome is not None:
            raise PolicyNotReadable(
                f"{self.entry_page.path} does not say in a way that can be read which outcome follows"
            )
        return found

    def _rule(self, alias: str, name: str) -> Rule:
        page = self._by_package[self.entry_page.imports[alias]]
        return next(rule for rule in page.rules if rule.name == name)

    def deciding(self, decision: Decision) -> Any:
        """The reason that decides: the first of the effect that the outcome is of; None where there is none.

        One on the whole request goes before one on a line or on units.
        """
        of_outcome = {branch.effect for branch in self.branches if branch.outcome == decision["outcome"]}
        if any(branch.malformed and branch.outcome == decision["outcome"] for branch in self.branches):
            of_outcome |= {"invalid"}
        effects = of_outcome - {None} or {branch.effect for branch in self.branches}
        reasons = [reason for reason in decision["reasons"] if reason["effect"] in effects]
        on_the_whole = [reason for reason in reasons if self.codes[reason["code"]]["applies_to"] == "request"]
        return next(iter([*on_the_whole, *reasons]), None)


def _in_order(register: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(register.items(), key=lambda item: int(item[1]["order"])))


def _page(path: str, text: str, annotations: list[Any]) -> Page:
    of_page: dict[str, Any] = next(
        (each["annotations"] for each in annotations if each["annotations"]["scope"] == "package"), {}
    )
    package = re.search(r"^package ([\w.]+)", text, re.MULTILINE)
    if not package:
        raise PolicyNotReadable(f"{path} names no package")
    rules = [
        Rule(
            name=str(each["path"][-1]["value"]),
            title=each["annotations"]["title"],
            description=each["annotations"].get("description", ""),
            code=each["annotations"].get("custom", {}).get("code"),
            page=path,
            row=each["location"]["row"],
        )
        for each in sorted(annotations, key=lambda each: int(each["location"]["row"]))
        if each["annotations"]["scope"] in {"rule", "document"} and each["annotations"].get("title")
    ]
    return Page(
        path=path,
        package=package[1],
        title=of_page.get("title", path),
        description=of_page.get("description", ""),
        passages=tuple(_passages(text.rstrip("\n").split("\n"), rules)),
    )


def _passages(lines: list[str], rules: list[Rule]) -> list[Passage]:
    """Divide a page where a blank line stands between rules; lines without a title stay together."""
    starts = [0]
    for number, line in enumerate(lines):
        begins = number and not lines[number - 1] and re.match(r"(?!else\b)[^\s})\]]", line)
        if begins:
            starts.append(number)
    found: list[Passage] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        own = tuple(rule for rule in rules if start < rule.row <= end)
        # A further definition of a rule belongs to what its first one says of itself.
        last = found[-1] if found else None
        if last and not own and (not last.rules or lines[start].startswith(f"{last.rules[-1].name} ")):
            found[-1] = Passage(last.first, (*last.lines, *lines[start:end]), last.rules)
        else:
            found.append(Passage(start + 1, tuple(lines[start:end]), own))
    return found


def _resting_on(page: Page, text: str) -> list[Rule]:
    """The rules of a page that have a text, or the name of something without METADATA that rests on it."""
    plain = "\n\n".join(passage.text for passage in page.passages if not passage.rules)
    statements = re.split(r"\n\n+(?!else\b)", plain)
    wanted = [re.escape(text)]
    for pattern in wanted:  # grows while names are found
        for statement in statements:
            named = re.match(r"(?:default )?(\w+)", statement)
            if named and re.search(pattern, statement) and rf"\b{named[1]}\b" not in wanted:
                wanted.append(rf"\b{named[1]}\b")
    own = "|".join(wanted)
    return [rule for passage in page.passages if re.search(own, _code(passage)) for rule in passage.rules]


def _code(passage: Passage) -> str:
    return "\n".join(line for line in passage.lines if not line.startswith("#"))


def _row(passage: Passage, text: str) -> int:
    """The number of the line of a passage that has a text."""
    return passage.first + next(number for number, line in enumerate(passage.lines) if text in line)
