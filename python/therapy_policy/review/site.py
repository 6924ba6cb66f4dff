"""The review of a policy as a static site: pages of HTML that work from a file, without a server and without scripts.

Everything that the pages say of the policy comes from the bundle (see `reading`), from the published schema, from the
decisions that the bundle gives on the worked examples, and from figures.json, which names the policy that it counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from therapy_policy import explain, wording
from therapy_policy.client.decision import Decision
from therapy_policy.errors import OutputNotUsable, PolicyNotReadable
from therapy_policy.files import packaged_json
from therapy_policy.policy import bundles
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import Parameter
from therapy_policy.policy.registers import APPLIES_TO, EFFECTS, KINDS, VISIBLE_IN
from therapy_policy.policy.rego import Mention
from therapy_policy.review.figures import Figures, RegoTest
from therapy_policy.review.reading import Branch, Page, Passage, Policy, Rule
from therapy_policy.review.requests import Stated, in_words, members, stated
from therapy_policy.review.try_it import try_it_files
from therapy_policy.toolchain.node import render_svg

HERE = Path(__file__).parent
MARKER = "therapy-policy-review.json"
EVERY_REQUEST = "every_request"  # the page of what is of no request type
TESTS_OF_PARAMETERS = "therapy/parameters/parameters_test.rego"

# The heading over the reasons of each effect in a decision table.
GROUP_TITLES = {
    "invalid": "The request does not match the published format",
    "scope": "The request is outside the rules",
    "deny": "A reason to deny the request",
    "pend": "A reason to pend the request",
}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Example:
    """A worked example, and the decision that the bundle gives on it."""

    id: str
    title: str
    request: Any
    decision: Decision
    deciding: Any  # the reason that decides, or None
    granted_under: tuple[tuple[str, str, tuple[str, ...]], ...]  # clauses, with the entries of a parameter for each

    @property
    def request_type(self) -> str:
        """The type that the request says it has."""
        return str(self.request["request_type"])

    @property
    def stated(self) -> Stated:
        """What the request states, laid out; its type aside, under which it stands."""
        return stated({name: value for name, value in self.request.items() if name != "request_type"})

    @property
    def codes(self) -> set[str]:
        """The codes of its reasons."""
        return {reason["code"] for reason in self.decision["reasons"]}

    @property
    def clauses(self) -> set[str]:
        """The clauses that its decision cites, or grants under."""
        return {clause for reason in self.decision["reasons"] for clause in reason["clauses"]} | {
            clause for clause, _, _ in self.granted_under
        }

    @property
    def deciding_clauses(self) -> set[str]:
        """The clauses that decide it: those of the reason that does, or that something is granted under."""
        of_reason = set(self.deciding["clauses"]) if self.deciding else set()
        return of_reason | {clause for clause, _, _ in self.granted_under}


@dataclass(frozen=True)
class Row:
    """A row of a decision table: a reason code of a request type."""

    code: str
    rules: list[Rule]
    decided: list[tuple[str, int]]  # outcomes, with the number of classes that it decides so
    examples: list[Example]


@dataclass(frozen=True)
class Group:
    """Rows of a decision table that lead to the same."""

    outcome: str | None
    title: str
    rules: list[Rule]
    rows: list[Row]


# --- The whole site --------------------------------------------------------------------------------------------------


def write_site(bundle: Bundle, output: Path, tell: Tell) -> Path:
    """Write the review of a bundle into a directory, and return the path of its first page.

    The directory is made, or an earlier review in it is replaced at once. `tell` is told each step in one line.

    Raises `OutputNotUsable` if the directory holds other files or cannot be written, `PolicyNotReadable` if the bundle
    cannot be read, and whatever drawing and deciding raise.
    """
    output = output.resolve()
    check_output(output)
    tell("Reading the policy, and deciding the worked examples …")
    files = Site(bundle, tell).files()
    tell(f"Writing {len(files)} files …")
    replace(output, files)
    return output / "index.html"


def check_output(output: Path) -> None:
    """Raise `OutputNotUsable` if a review cannot be written there, or would replace files that no review wrote."""
    output = output.resolve()
    if output == Path.cwd():
        raise OutputNotUsable(f"The output {output} is the directory that you are in; name another one for the site")
    above = next(parent for parent in output.parents if parent.exists())
    try:
        tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=above).cleanup()
    except OSError as problem:
        raise OutputNotUsable(
            f"The output {output} cannot be made in {above}: {problem.strerror}; name a directory that can be written"
        ) from None
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputNotUsable(f"{output} is a file; name a directory for the site")
    try:
        ours = set(json.loads((output / MARKER).read_text(encoding="utf-8"))["sha256"]) | {MARKER}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    found = (path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir())
    if foreign := next((name for name in found if name not in ours), None):
        raise OutputNotUsable(
            f"{output} holds {foreign}, which no earlier review wrote there, and which would be lost; "
            "name an empty directory, or one that does not exist yet"
        )


def replace(output: Path, files: Mapping[str, bytes]) -> None:
    """Put files in place of all that a directory held; a run that is stopped leaves the old ones or the new ones."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        made, old = Path(scratch) / "new", Path(scratch) / "old"
        for name, content in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        if output.exists():
            os.rename(output, old)
        try:
            os.rename(made, output)
        except BaseException:
            if old.exists() and not output.exists():
                os.rename(old, output)
            raise


class Site:
    """The pages of the review of one bundle."""

    def __init__(self, bundle: Bundle, tell: Tell) -> None:
        """Read a bundle; `tell` is told each step in one line. Raises `NotReadable`."""
        self.bundle = bundle
        self.tell = tell
        self.schema = packaged_json("request.schema.json")
        self.policy = Policy(bundle, self.schema["properties"]["request_type"]["enum"])
        self.figures = Figures()
        self.digest = hashlib.sha256(bundle.archive).hexdigest()

    def files(self) -> dict[str, bytes]:
        """All files of the site, by name, in order."""
        pages: dict[str, tuple[str, dict[str, Any]]] = {
            "index.html": ("index.html", {"flow": self.flow}),
            "clauses.html": ("clauses.html", {}),
            **{
                f"{kind}.html": ("request_type.html", {"kind": kind, "groups": self.groups(kind)})
                for kind in self.policy.request_types
            },
            f"{EVERY_REQUEST}.html": ("every_request.html", {}),
            "numbers.html": ("numbers.html", {}),
            "reasons.html": ("reasons.html", {}),
            "interpretations.html": ("interpretations.html", {}),
            "examples.html": ("examples.html", {}),
            "try.html": ("try.html", {}),
        }
        made: dict[str, bytes] = {
            name: self.environment.get_template(template).render(here=name, **more).encode()
            for name, (template, more) in pages.items()
        }
        made["style.css"] = (HERE / "style.css").read_bytes()
        examples = [{"title": each.title, "request": each.request} for each in self.examples]
        for name, content in try_it_files(self.bundle, self.schema, examples, self.tell).items():
            made[name] = content.encode() if isinstance(content, str) else content
        made = dict(sorted(made.items()))
        about = {
            "what": "a review of the therapy policy; the next one written here replaces these files",
            "policy_version": self.bundle.version,
            "bundle_sha256": self.digest,
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in made.items()},
        }
        return made | {MARKER: (json.dumps(about, indent=1) + "\n").encode()}

    @cached_property
    def environment(self) -> Environment:
        """The templates, with what all of them may use."""
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters |= {
            "words": in_words,
            "placeholders": placeholders,
            "grouped": lambda number: f"{number:,}",
            "counted": wording.count_of,
            "place": wording.field_in_words,
            "path": lambda path: Markup("/<wbr>").join(path.split("/")),
            "effect_of": lambda code: self.policy.codes[code]["effect"],
            "json": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        }
        environment.tests["contains"] = lambda found, wanted: wanted in found
        environment.globals |= {
            "site": self,
            "policy": self.policy,
            "figures": self.figures,
            "explain": explain,
            "wording": wording,
            "columns_of": columns_of,
            "KINDS": KINDS,
            "EFFECTS": EFFECTS,
            "APPLIES_TO": APPLIES_TO,
            "VISIBLE_IN": VISIBLE_IN,
            "EVERY_REQUEST": EVERY_REQUEST,
            "GROUP_TITLES": GROUP_TITLES,
        }
        return environment

    # --- What the templates ask for

    @property
    def navigation(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The pages by group: the name of each file, and its title."""
        types = [(f"{kind}.html", self.title_of(kind)) for kind in self.policy.request_types]
        return [
            ("The policy", [("index.html", "Overview"), ("clauses.html", "Clauses of the source")]),
            ("Decisions", [*types, (f"{EVERY_REQUEST}.html", "Every request")]),
            (
                "Registers",
                [
                    ("numbers.html", "Numbers and lists"),
                    ("reasons.html", "Reason codes"),
                    ("interpretations.html", "Where the source is silent"),
                ],
            ),
            ("At work", [("examples.html", "Worked examples"), ("try.html", "Try a request")]),
        ]

    def title_of(self, kind: str) -> str:
        """What a request type is called."""
        return str(self.schema["definitions"][kind]["title"])

    def about(self, kind: str) -> str:
        """What a request type is, in a sentence."""
        return str(self.schema["definitions"][kind]["description"])

    def members(self, kind: str) -> list[Any]:
        """What a request of a type states."""
        return list(members(self.schema, kind))

    @property
    def figures_fit(self) -> bool:
        """Whether the figures are of this bundle."""
        return self.digest == self.figures.bundle_sha256 == self.figures.classes_sha256

    @property
    def is_packaged(self) -> bool:
        """Whether this is the bundle of the package."""
        return self.digest == hashlib.sha256(bundles.packaged_bundle().archive).hexdigest()

    @cached_property
    def schema_fits(self) -> bool:
        """Whether the published schema is the one that this bundle's validators were made from."""
        ours = bundles.packaged_bundle().data["therapy"]["request"]["forms"]
        return bool(self.policy.therapy.get("request", {}).get("forms") == ours)

    def places(self, rule: Rule) -> list[tuple[str, str]]:
        """Where a rule is read on the site: the title of each page, and the address of its line there."""
        line = f"{self.policy.pages[rule.page].anchor}-{rule.row}"
        types = self.policy.types_of[rule.page]
        return [(self.title_of(kind), f"{kind}.html#{line}") for kind in types] or [
            ("Every request", f"{EVERY_REQUEST}.html#{line}")
        ]

    def place(self, page: Page) -> str:
        """The address of a page of Rego, the first where it is on several."""
        return f"{next(iter(self.policy.types_of[page.path]), EVERY_REQUEST)}.html#{page.anchor}"

    def types_of_code(self, code: str) -> list[str]:
        """The request types whose decisions can have a reason code."""
        return [kind for kind in self.policy.request_types if code in self.policy.codes_of(kind)]

    def codes_of_clause(self, clause: str) -> list[str]:
        """The reason codes that rest on a clause."""
        return [code for code, entry in self.policy.codes.items() if clause in entry["clauses"]]

    def codes_of_interpretation(self, name: str) -> list[str]:
        """The reason codes that rest on an interpretation."""
        return [code for code, entry in self.policy.codes.items() if entry["interpretation"] == name]

    def interpretations_of_clause(self, clause: str) -> list[str]:
        """The interpretations on which reason codes of a clause rest."""
        named = {self.policy.codes[code]["interpretation"] for code in self.codes_of_clause(clause)}
        return [name for name in self.policy.interpretations if name in named]

    def parameters_of_clause(self, clause: str) -> list[Parameter]:
        """The parameters that come from a clause."""
        return [parameter for parameter in self.policy.parameters.values() if clause in parameter.clauses]

    def rules_of_clause(self, clause: str) -> list[Rule]:
        """The rules that rest on a clause: those that find its codes, and those that read its parameters.

        A rule that reads a parameter for the sake of other entries, those of its code's own clauses, is none of them.
        """
        of_codes = [rule for code in self.codes_of_clause(clause) for rule in self.policy.rules_of_code[code]]
        reading = [
            rule
            for parameter in self.parameters_of_clause(clause)
            for rule in self.policy.readers[parameter.name]
            if not self._of_other_entries(rule, parameter, clause)
        ]
        if of_codes:  # those of other codes are of other clauses
            reading = [rule for rule in reading if not rule.codes]
        return list(dict.fromkeys([*of_codes, *reading]))

    def _of_other_entries(self, rule: Rule, parameter: Parameter, clause: str) -> bool:
        own = {each for code in rule.codes for each in self.policy.codes[code]["clauses"]}
        return bool(own) and clause not in own and own <= {cited for _, cited in parameter.entries}

    def entries_of_clause(self, clause: str) -> list[str]:
        """The entries of parameters that cite a clause."""
        return [entry for each in self.parameters_of_clause(clause) for entry, cited in each.entries if cited == clause]

    def tests_of_clause(self, clause: str) -> list[RegoTest]:
        """The tests of a clause: those that name its codes or, where it has none, its entries of parameters.

        An entry is an everyday word, so only tests beside the pages that read the parameter count for it, and those of
        the parameters themselves.
        """
        if codes := self.codes_of_clause(clause):
            return self.figures.tests_naming(codes)
        beside = {rule.page.replace(".rego", "_test.rego") for rule in self.rules_of_clause(clause)}
        tests = self.figures.tests_naming(self.entries_of_clause(clause))
        return [test for test in tests if test.file in beside | {TESTS_OF_PARAMETERS}]

    @property
    def number_of_rules(self) -> int:
        """How many rules say what they do."""
        return sum(len(page.rules) for page in self.policy.pages.values())

    @property
    def reviews(self) -> dict[str, list[str]]:
        """The interpretations by what came of their review: confirmed, to change, or not reviewed."""
        found: dict[str, list[str]] = {"confirmed": [], "to_change": [], "not_reviewed": []}
        for name, entry in self.policy.interpretations.items():
            found[entry["review"]["verdict"] if entry["review"] else "not_reviewed"].append(name)
        return found

    @property
    def packaged_version(self) -> str:
        """The version of the policy that the published schema came with."""
        return bundles.packaged_bundle().version

    def examples_resting_on(self, interpretation: str) -> list[Example]:
        """The worked examples with a reason that rests on an interpretation."""
        return [
            example
            for example in self.examples
            if any(reason["interpretation"] == interpretation for reason in example.decision["reasons"])
        ]

    def same_type(self, kind: str) -> list[Example]:
        """The worked examples of a request type."""
        return [example for example in self.examples if example.request_type == kind]

    # --- Examples

    @cached_property
    def examples(self) -> list[Example]:
        """The worked examples, decided today."""
        written = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))
        with self.bundle.client() as client:
            decisions = client.decide_many(each["request"] for each in written)
        return [
            Example(
                each["id"],
                each["title"],
                each["request"],
                decision,
                self.policy.deciding(decision),
                tuple(self._granted_under(each["request"], decision)),
            )
            for each, decision in zip(written, decisions, strict=True)
        ]

    def _granted_under(self, request: Any, decision: Decision) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """The clauses under which something is granted or routed, each with a parameter and its entries.

        They are those of the procedure codes that got a unit, and those that a member of the request names: one whose
        values are the names of the entries.
        """
        if self.policy.deciding(decision) and decision["outcome"] != "partially_authorized":
            return
        pages = self.policy.closure(request["request_type"])
        read = {name for page in pages for name in page.parameters}
        for parameter in self.policy.parameters.values():
            if parameter.name in read:
                entries = dict(parameter.entries)
                named = set(decision["authorized"]["procedure_codes"]) | set(self._choices(request, set(entries)))
                for clause in self.policy.clauses:
                    if used := tuple(sorted(name for name in named & set(entries) if entries[name] == clause)):
                        yield clause, parameter.name, used

    def _choices(self, request: Any, entries: set[str]) -> Iterator[str]:
        """What members state whose values, by the schema, are just the entries."""
        for member in members(self.schema, request["request_type"]):
            value = request
            for step in member.steps:
                value = value.get(step) if isinstance(value, dict) else None
            if isinstance(value, str) and member.choices == entries:
                yield value

    # --- Decision tables

    def groups(self, kind: str) -> list[Group]:
        """The decision table of a request type, in the order in which the policy looks."""
        rows = {code: self._row(kind, code) for code in self.policy.codes_of(kind)}
        taken: set[str] = set()
        found = []
        for branch in self.policy.branches:
            group = self._group(kind, branch, {code: row for code, row in rows.items() if code not in taken})
            taken |= {row.code for row in group.rows}
            if group.rows or group.rules or branch.outcome is None:
                found.append(group)
        informing = [row for code, row in rows.items() if code not in taken]
        if informing:
            found.append(Group(None, "Informational only; the outcome does not change", [], informing))
        return found

    def _group(self, kind: str, branch: Branch, rows: Mapping[str, Row]) -> Group:
        def bearing(effect: str | None, *applies_to: str) -> list[Row]:
            entries = self.policy.codes
            return [
                row
                for code, row in rows.items()
                if effect in (None, entries[code]["effect"])
                and entries[code]["effect"] != "info"
                and entries[code]["applies_to"] in applies_to
            ]

        if branch.effect:
            return Group(branch.outcome, GROUP_TITLES[branch.effect], [], bearing(branch.effect, "request"))
        if branch.outcome:
            rules = self.policy.rules_of_part(kind, branch.part)
            return Group(branch.outcome, rules[0].title if rules else "", rules, [])
        rest = bearing(None, "line", "units")
        elsewhere = [
            rule
            for other in self.policy.branches
            if other.outcome and other.part
            for rule in self.policy.rules_of_part(kind, other.part)
        ]
        granting = [
            rule
            for rule in self.policy.rules_of_part(kind)
            if not rule.codes and rule.name != "reasons" and rule not in elsewhere
        ]
        return Group(None, "No reason applies to the request as a whole", granting, rest)

    def _row(self, kind: str, code: str) -> Row:
        pages = {page.path for page in self.policy.closure(kind)}
        rules = self.policy.rules_of_code[code]
        return Row(
            code,
            [rule for rule in rules if rule.page in pages] or rules,
            self.figures.decided_by(code, kind),
            [example for example in self.same_type(kind) if code in example.codes],
        )

    # --- Rego

    def lines_of_rego(self, page: Page, passage: Passage, here: list[Page]) -> Iterator[tuple[int, Markup]]:
        """The numbered lines of a passage, with the codes, parameters and pages that they name linked."""
        lines = "\n".join(passage.lines).rstrip("\n").split("\n")
        for number, line in enumerate(lines, start=passage.first):
            if line.lstrip().startswith("#"):
                yield number, Markup('<span class="comment">{}</span>').format(line)
                continue
            text, made, at = line.encode(), Markup(""), 0
            mentions = (mention for mention in page.mentions if mention.row == number)
            for mention in sorted(mentions, key=lambda mention: mention.column):
                start, target = mention.column - 1, self._address(mention, here)
                if target and start >= at and "\n" not in mention.source:
                    end = start + len(mention.source.encode())
                    made += escape(text[at:start].decode())
                    made += Markup('<a href="{}">{}</a>').format(target, text[start:end].decode())
                    at = end
            yield number, made + escape(text[at:].decode())

    def _address(self, mention: Mention, here: list[Page]) -> str | None:
        """Where something that a page names is on the site; None where it is not."""
        if isinstance(mention.target, str):
            return f"reasons.html#{mention.target}" if mention.target in self.policy.codes else None
        if parameter := self.policy.parameter_at(mention.target):
            return f"numbers.html#{parameter}"
        for page in self.policy.pages.values():
            if page.package == mention.target:
                return f"#{page.anchor}" if page in here else self.place(page)
        return None

    # --- The flow of an episode

    @cached_property
    def flow(self) -> Markup:
        """The picture of an episode of care, as SVG that can stand in a page; the same stands in a table beside it."""
        if not self.policy.episode["steps"]:
            return Markup("")
        self.tell("Drawing the way through an episode of care …")
        try:
            drawn = render_svg(self.graph(), self.tell)
        except ValueError as problem:
            raise PolicyNotReadable(f"therapy/register/episode: it cannot be drawn. {problem}") from None
        svg = drawn[drawn.index("<svg") :]
        named = (
            r'<svg role="group" aria-labelledby="flow-title" aria-describedby="flow-description"\1>'
            '\n<title id="flow-title">The way through an episode of care</title>\n<desc id="flow-description">'
            "The steps as boxes, and which outcome of one leads to which. The table below says the same.</desc>"
        )
        return Markup(re.sub(r"<svg([^>]*)>", named, svg, count=1))

    def graph(self) -> str:
        """The steps of an episode of care as a graph in DOT."""
        lines = [
            "digraph episode {",
            'bgcolor="transparent"; rankdir=TB; nodesep=0.45; ranksep=0.45;',
            'node [shape=box, style="rounded,filled", fillcolor="#f2f6f9", color="#4a6173", fontcolor="#14202b",'
            ' fontname="Helvetica,Arial,sans-serif", fontsize=16, margin="0.2,0.1"];',
            'edge [color="#4a6173", fontcolor="#14202b", fontname="Helvetica,Arial,sans-serif", fontsize=13.5];',
        ]
        for name, step in self.policy.episode["steps"].items():
            kind = step["request_type"]
            link = f', URL="{kind}.html", target="_self"' if kind else ', fillcolor="#ffffff", style="rounded,dashed"'
            lines.append(f"{quoted(name)} [label={quoted(step['title'])}{link}];")
        for way in self.policy.episode["leads_to"]:
            label = f"  {in_words(way['outcome'])}" + (f"\\l  while {way['while']}\\l" if way.get("while") else "")
            lines.append(f"{quoted(way['from'])} -> {quoted(way['to'])} [label={quoted(label)}];")
        return "\n".join([*lines, "}"])


def columns_of(entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of what the entries of a parameter have, the clause last."""
    names = dict.fromkeys(name for entry in entries.values() for name in entry)
    return sorted(names, key=lambda name: name == "clause")


def quoted(text: str) -> str:
    """A text as DOT writes one."""
    return '"' + text.replace('"', '\\"') + '"'


def placeholders(text: str | None) -> Markup:
    """A message or a remedy, what is filled in with the numbers that decided it set apart."""
    made, at = Markup(""), 0
    for match in re.finditer(r"\{(\w+)\}", text or ""):
        made += escape((text or "")[at : match.start()])
        made += Markup("<var>[{}]</var>").format(match[1].replace("_", " "))
        at = match.end()
    return made + escape((text or "")[at:])
