"""The review of a policy as a static site: pages of HTML that work from a file, without a server and without scripts.

Everything on the pages comes from the bundle (see `reading`), from the published schema, from the decisions that the
bundle gives on the worked examples, and from figures.json, which names the policy with its counts.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from therapy_policy import explain, wording
from therapy_policy.files import packaged_json
from therapy_policy.policy import bundles
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.registers import APPLIES_TO, EFFECTS, KINDS, VISIBLE_IN
from therapy_policy.policy.rego import Mention
from therapy_policy.policy.sign_offs import points_of, release_of
from therapy_policy.policy.source_checks import last_source_check
from therapy_policy.review.clause_pages import ClausePage
from therapy_policy.review.decision_tables import GROUP_TITLES, DecisionTables
from therapy_policy.review.differences import Names, for_templates
from therapy_policy.review.episode import picture_of_episode
from therapy_policy.review.examples import Example, worked_examples
from therapy_policy.review.figures import Figures
from therapy_policy.review.glossary import glossary, link_terms
from therapy_policy.review.matrix import MATRIX_EFFECTS, Matrix
from therapy_policy.review.output import MARKER, check_output, replace
from therapy_policy.review.page_markup import finished, sheet_with
from therapy_policy.review.reading import Page, Passage, PolicyView, TitledRule, anchor_of
from therapy_policy.review.requests import Field, fields, in_words
from therapy_policy.review.search import search_files
from therapy_policy.review.signing import Signing
from therapy_policy.review.standard_answers import StandardAnswer, standard_answers
from therapy_policy.review.status import NO_RECORDS, Line, status
from therapy_policy.review.table_files import table_as_csv, table_as_dmn
from therapy_policy.review.try_it import policy_before, try_it_files
from therapy_policy.review.versions import DECIDED, Versions, links_to

HERE = resources.files("therapy_policy.review")
EVERY_REQUEST = "every_request"  # the page of the rules for every request type

Report = Callable[[str], None]


# --- The whole site --------------------------------------------------------------------------------------------------


def write_site(bundle: Bundle, output: Path, report: Report, records: Path | None) -> Path:
    """Write the review of a bundle into a directory, and return the path of its first page.

    Makes the directory, or replaces an earlier review in it at once. `report` gets each step as one line. `records` is
    the directory with the sign-offs and the checks of the source, None if there is none.

    Raises `OutputNotUsable` if the directory holds other files or cannot be written, `PolicyNotReadable` if the bundle
    cannot be read, `FileNotUsable` if a record cannot be read, and the errors of drawing and deciding.
    """
    output = output.resolve()
    check_output(output)
    report("Reading the policy and deciding the worked examples …")
    files = Site(bundle, report, records).files()
    report(f"Writing {len(files)} files …")
    replace(output, files)
    return output / "index.html"


class Site:
    """The pages of the review of one bundle."""

    def __init__(self, bundle: Bundle, report: Report, records: Path | None = None) -> None:
        """Read a bundle and the records about it; `report` gets each step as one line.

        Raises `PolicyNotReadable`, and `FileNotUsable` if a record is not valid.
        """
        self.bundle = bundle
        self.last_source_check = None if records is None else last_source_check(records)
        self.names = Names(bundle.data, packaged_json("request.schema.json"))
        self.versions = Versions(bundle, records, self.names)
        self.records = records
        self.report = report
        self.schema = packaged_json("request.schema.json")
        self.policy = PolicyView(bundle, self.schema["properties"]["request_type"]["enum"])
        self.figures = Figures()
        self.digest = hashlib.sha256(bundle.archive).hexdigest()
        self.points = {point.subject: point for point in points_of(bundle, records)}
        self.release = self.points.pop(release_of(bundle))
        self.before = policy_before(bundle, records)

    @cached_property
    def tables(self) -> DecisionTables:
        """The decision tables of the request types, with their numbers."""
        return DecisionTables(self.policy, self.figures)

    @cached_property
    def standard_answers(self) -> dict[str, StandardAnswer]:
        """What each reason is sent on as, by reason code; empty for a policy that does not say so."""
        return standard_answers(self.bundle)

    @cached_property
    def matrix(self) -> Matrix:
        """The traceability matrix."""
        return Matrix(self)

    def files(self) -> dict[str, bytes]:
        """All files of the site, by name, in order."""
        terms = glossary()
        pages: dict[str, tuple[str, dict[str, Any]]] = {
            "index.html": ("index.html", {"flow": picture_of_episode(self.policy, self.report), "status": self.status}),
            "clauses.html": ("clauses.html", {}),
            **{
                f"clause-{clause}.html": ("clause.html", {"clause": page, "within": "clauses.html"})
                for clause, page in self.clause_pages.items()
            },
            **{
                f"{kind}.html": ("request_type.html", {"kind": kind, "table": table})
                for kind, table in self.tables.tables.items()
            },
            f"{EVERY_REQUEST}.html": ("every_request.html", {}),
            "numbers.html": ("numbers.html", {}),
            "reasons.html": ("reasons.html", {}),
            "interpretations.html": ("interpretations.html", {}),
            "examples.html": ("examples.html", {}),
            "matrix.html": ("matrix.html", {"matrix": self.matrix, "MATRIX_EFFECTS": MATRIX_EFFECTS}),
            "glossary.html": ("glossary.html", {"terms": terms}),
            "search.html": ("search.html", {}),
            "versions.html": ("versions.html", {}),
            **{
                version.address: ("version.html", {"version": version, "within": "versions.html"})
                for version in self.versions.all
            },
            "proof.html": ("proof.html", {}),
            "try.html": ("try.html", {"before": self.before}),
            "sign.html": ("sign.html", {"signing": Signing(self.bundle, self.records)}),
        }
        rendered = {
            name: finished(self.environment.get_template(template).render({"here": name, "within": None} | more))
            for name, (template, more) in pages.items()
        }
        linked = {name: link_terms(page, terms) for name, page in rendered.items()}
        linked["glossary.html"] = rendered["glossary.html"]
        files = {name: page.encode() for name, page in linked.items()}
        files |= search_files(rendered, self.report)
        files |= {f"downloads/{name}": content for name, content in self.downloads().items()}
        files["matrix.js"] = (HERE / "matrix.js").read_bytes()
        files["icon.svg"] = (HERE / "icon.svg").read_bytes()
        files["style.css"] = (HERE / "style.css").read_bytes() + self.sheet.encode()
        examples = [{"title": each.title, "request": each.request} for each in self.examples]
        for name, content in try_it_files(self.bundle, self.schema, examples, self.before, self.report).items():
            files[name] = content.encode() if isinstance(content, str) else content
        files = dict(sorted(files.items()))
        about = {
            "what": "a review of the therapy policy; the next one written here replaces these files",
            "policy_version": self.bundle.version,
            "bundle_sha256": self.digest,
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
        return files | {MARKER: (json.dumps(about, indent=1) + "\n").encode()}

    def downloads(self) -> dict[str, bytes]:
        """The matrix and the decision tables as files for other programs, by name."""
        files = {"matrix.csv": self.matrix.as_csv(), "matrix.xlsx": self.matrix.as_xlsx()}
        for kind, table in self.tables.tables.items():
            files[f"{kind}.csv"] = table_as_csv(table)
            files[f"{kind}.dmn"] = table_as_dmn(table, self.title_of(kind), self.bundle.version)
        return files

    @property
    def sheet(self) -> str:
        """The style of a printed sheet, which names the version, the digest and the number of the page."""
        return sheet_with(f"Therapy policy {self.bundle.version} · SHA-256 {self.digest}")

    @cached_property
    def environment(self) -> Environment:
        """The templates, with the names that all of them use."""
        environment = Environment(
            loader=PackageLoader("therapy_policy.review"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters |= {
            "words": in_words,
            "grouped": lambda number: f"{number:,}",
            "counted": wording.count_of,
            "place": wording.field_in_words,
            "breaking": breaking,
            "anchor": anchor,
            "effect_of": lambda code: self.policy.codes[code]["effect"],
            "lower_first": lambda text: text[:1].lower() + text[1:],
            "upper_first": lambda text: text[:1].upper() + text[1:],
            "json": as_json,
        }
        filters, names = for_templates(self.names, links_to(self.policy))
        environment.filters |= filters
        environment.globals |= names | {"DECIDED": DECIDED, "NO_RECORDS": NO_RECORDS}
        environment.tests["contains"] = lambda values, wanted: wanted in values
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

    @cached_property
    def clause_pages(self) -> dict[str, ClausePage]:
        """What the page of each clause says."""
        return {clause: ClausePage(self, clause) for clause in self.policy.clauses}

    @property
    def status(self) -> list[Line]:
        """The state of the policy, for the first page."""
        return status(
            self.bundle,
            self.versions,
            self.figures,
            self.points,
            self.release,
            self.last_source_check,
            self.names,
        )

    # --- For the templates

    @property
    def navigation(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The pages by group: the name of each file, and its title."""
        types = [(f"{kind}.html", self.title_of(kind)) for kind in self.policy.request_types]
        return [
            (
                "The policy",
                [
                    ("index.html", "Overview"),
                    ("clauses.html", "Clauses of the source"),
                    ("matrix.html", "Traceability matrix"),
                    ("versions.html", "Versions"),
                    ("proof.html", "Proof"),
                ],
            ),
            ("Decisions", [*types, (f"{EVERY_REQUEST}.html", "Every request")]),
            (
                "Registers",
                [
                    ("numbers.html", "Numbers and lists"),
                    ("reasons.html", "Reason codes"),
                    ("interpretations.html", "Where the source is silent"),
                    ("glossary.html", "Glossary"),
                ],
            ),
            ("Try it", [("examples.html", "Worked examples"), ("try.html", "Try a request")]),
            ("Sign", [("sign.html", "Sign the policy")]),
        ]

    def title_of(self, kind: str) -> str:
        """The title of a request type."""
        return str(self.schema["definitions"][kind]["title"])

    def about(self, kind: str) -> str:
        """A request type in one sentence."""
        return str(self.schema["definitions"][kind]["description"])

    def fields(self, kind: str) -> list[Field]:
        """The fields of a request type."""
        return list(fields(self.schema, kind))

    @property
    def figures_fit(self) -> bool:
        """Whether the counts are for what decides in this bundle."""
        return self.bundle.digest == self.figures.policy_digest == self.figures.classes_digest

    @property
    def is_packaged(self) -> bool:
        """Whether this is the bundle of the package."""
        return self.digest == hashlib.sha256(bundles.packaged_bundle().archive).hexdigest()

    @cached_property
    def schema_fits(self) -> bool:
        """Whether this bundle validates with the published schema."""
        ours = bundles.packaged_bundle().data["therapy"]["request"]["forms"]
        return bool(self.policy.therapy.get("request", {}).get("forms") == ours)

    def places(self, rule: TitledRule) -> list[tuple[str, str]]:
        """The pages of the site that show a rule: the title of each page, and the address of the rule on it."""
        types = self.policy.types_of[rule.page]
        return [(self.title_of(kind), f"{kind}.html#{anchor(rule)}") for kind in types] or [
            ("Every request", f"{EVERY_REQUEST}.html#{anchor(rule)}")
        ]

    def place(self, page: Page) -> str:
        """The address of a page of Rego; the first one, if several pages of the site show it."""
        return f"{next(iter(self.policy.types_of[page.path]), EVERY_REQUEST)}.html#{page.anchor}"

    @property
    def number_of_rules(self) -> int:
        """The number of rules with a title."""
        return sum(len(page.rules) for page in self.policy.pages.values())

    @property
    def interpretations_by_state(self) -> dict[str, list[str]]:
        """The interpretations by the state of their sign-off."""
        by_state: dict[str, list[str]] = {"signed": [], "to_change": [], "stale": [], "open": []}
        for name, point in self.points.items():
            by_state[point.state].append(name)
        return by_state

    @property
    def packaged_version(self) -> str:
        """The version of the policy that the published schema came with."""
        return bundles.packaged_bundle().version

    def examples_citing(self, interpretation: str) -> list[Example]:
        """The worked examples with a reason that cites an interpretation."""
        return [
            example
            for example in self.examples
            if any(reason["interpretation"] == interpretation for reason in example.decision["reasons"])
        ]

    def same_type(self, kind: str) -> list[Example]:
        """The worked examples of a request type."""
        return [example for example in self.examples if example.request_type == kind]

    @cached_property
    def examples(self) -> list[Example]:
        """The worked examples, each with a new decision."""
        return worked_examples(self.policy, self.schema)

    # --- Rego

    def lines_of_rego(self, page: Page, passage: Passage, here: list[Page]) -> Iterator[Markup]:
        """The lines of a passage, with links for the codes, parameters and pages that they name.

        The style numbers them: attributes for 4,300 lines would be a tenth of the site.
        """
        for number, line in enumerate(passage.lines, start=passage.first):
            if line.lstrip().startswith("#"):
                yield Markup('<span class="comment">{}</span>').format(line)
                continue
            text, linked, at = line.encode(), Markup(""), 0
            mentions = (mention for mention in page.mentions if mention.row == number)
            for mention in sorted(mentions, key=lambda mention: mention.column):
                start, target = mention.column - 1, self._address(mention, here)
                if target and start >= at and "\n" not in mention.source:
                    end = start + len(mention.source.encode())
                    linked += in_element(text[at:start].decode())
                    linked += Markup('<a href="{}">{}</a>').format(target, text[start:end].decode())
                    at = end
            yield Markup("<span>{}</span>").format(linked + in_element(text[at:].decode()))

    def _address(self, mention: Mention, here: list[Page]) -> str | None:
        """The address of something that a page names; None if it is not on the site."""
        if isinstance(mention.target, str):
            return f"reasons.html#{mention.target}" if mention.target in self.policy.codes else None
        if parameter := self.policy.parameter_at(mention.target):
            return f"numbers.html#{parameter}"
        for page in self.policy.pages.values():
            if page.package == mention.target:
                return f"#{page.anchor}" if page in here else self.place(page)
        return None


def anchor(rule: TitledRule) -> str:
    """The name of the anchor of a rule in words, such as outpatient_pt.visit-46, or else of its page."""
    page = anchor_of(rule.page)
    return f"{page}-{rule.row}" if rule.name else page


def breaking(name: str) -> Markup:
    """A name such as OT_CODE_NOT_LISTED or therapy/lib/units.rego, which breaks after its marks only."""
    return Markup(re.sub(r"([_/])", r"\1<wbr>", str(escape(name))))


def as_json(value: Any) -> Markup:
    """A value as JSON to read, in the text of an element."""
    return in_element(json.dumps(value, indent=1, ensure_ascii=False))


def in_element(text: str) -> Markup:
    """A text in an element, where quotes need no escape: requests and code have thousands of them."""
    return Markup(html.escape(text, quote=False))


def columns_of(entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The columns for the entries of a parameter, the clause last."""
    names = dict.fromkeys(name for entry in entries.values() for name in entry)
    return sorted(names, key=lambda name: name == "clause")
