"""Hold the text of the source page against its paragraphs as they were reviewed.

The register of the source keeps a fingerprint of each reviewed paragraph, in the page's order, with the clauses that
the paragraph says. A paragraph is a line that has a word in it. Its fingerprint is of its words, numbers and the signs
+ = < > %: white space, punctuation, capitals and the mark of a list item in front do not count.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from typing import Any

from therapy_policy.errors import FileNotUsable
from therapy_policy.files import open_input
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import parameters_of
from therapy_policy.wording import printable

REGISTER = "policies/therapy/register/source/data.yaml"
MAX_PAGE_BYTES = 1 << 20  # the page has some 8,000

STANDS, MOVED, CHANGED, GONE = "stands", "moved", "changed", "gone"

_LIST_MARK = re.compile(r"^\s*(?:[•·▪◦*-]|\d{1,2}[.)])\s+")
_WORD = re.compile(r"[^\W_]+|[+=<>%]")
_HTML = re.compile(
    r"<(!doctype|html|head|body|meta|script|div|span|table|p|ul|ol|li|br|a|h[1-6])\b[^<]*>", re.IGNORECASE
)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the page of today; `line` is counted from 1."""

    line: int
    text: str
    fingerprint: str


@dataclass(frozen=True)
class Reviewed:
    """A paragraph as it was reviewed, what became of it, and where it is or what stands in its place today."""

    fingerprint: str
    clauses: list[str]
    status: str
    today: Paragraph | None


@dataclass(frozen=True)
class New:
    """A paragraph that was not reviewed, and the clauses of the nearest ones before and after it that were."""

    today: Paragraph
    after: list[str]
    before: list[str]


@dataclass(frozen=True)
class Clause:
    """A clause, what became of its paragraphs, and what of the policy rests on it."""

    id: str
    summary: str
    paragraphs: list[Reviewed]
    reason_codes: list[str]
    parameters: list[str]

    @property
    def status(self) -> str:
        """Gone if all its paragraphs are, changed if any is changed or gone; one that moved still stands."""
        found = {paragraph.status for paragraph in self.paragraphs}
        if found == {GONE}:
            return GONE
        return CHANGED if found & {CHANGED, GONE} else STANDS


@dataclass(frozen=True)
class Report:
    """What became of the reviewed page."""

    reviewed: list[Reviewed] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    new: list[New] = field(default_factory=list)

    @property
    def unchanged(self) -> bool:
        return not self.new and all(paragraph.status in (STANDS, MOVED) for paragraph in self.reviewed)

    def as_dict(self) -> dict[str, Any]:
        return {
            "unchanged": self.unchanged,
            "paragraphs": self._counts(),
            "clauses": [{"status": clause.status} | asdict(clause) for clause in self.clauses],
            "headings": [asdict(paragraph) for paragraph in self.reviewed if not paragraph.clauses],
            "new": [asdict(new) for new in self.new],
        }

    def _counts(self) -> dict[str, int]:
        counts = dict.fromkeys((STANDS, MOVED, CHANGED, GONE), 0)
        for paragraph in self.reviewed:
            counts[paragraph.status] += 1
        return {"reviewed": len(self.reviewed)} | counts | {"new": len(self.new)}

    def as_lines(self) -> list[str]:
        """The report for a person."""
        counts = self._counts()
        written = [
            f"Of {counts['reviewed']} reviewed paragraphs {counts[STANDS]} stand, {counts[MOVED]} moved, "
            f"{counts[CHANGED]} changed and {counts[GONE]} are gone; {counts['new']} are new."
        ]
        if counts[STANDS] + counts[MOVED] == 0:
            written.append("None of the reviewed paragraphs is there: is this the text of the source page?")
        elif min(counts[GONE], counts["new"]) > counts["reviewed"] / 4:
            written.append(
                "So many are gone and so many new that lines may have been wrapped: each paragraph must be one line."
            )
        written.append("")
        for clause in self.clauses:
            written.append(f"{clause.id:<7} {clause.status:<8} {clause.summary}")
            for paragraph in clause.paragraphs:
                written += _of_reviewed(paragraph)
            if clause.status != STANDS:
                written += [
                    f"        reason codes that rest on it: {', '.join(clause.reason_codes) or 'none'}",
                    f"        parameters that rest on it: {', '.join(clause.parameters) or 'none'}",
                ]
        headings = [line for paragraph in self.reviewed if not paragraph.clauses for line in _of_reviewed(paragraph)]
        if headings:
            written += ["", "Headings that say no clause", *headings]
        if self.new:
            written += ["", "New paragraphs"]
            for new in self.new:
                written += [f"        line {new.today.line}, {_between(new)}", *_of_today(new.today)]
        return [*written, "", self._what_to_do()]

    def _what_to_do(self) -> str:
        if self.unchanged:
            return "The page stands as it was reviewed; there is nothing to do."
        return (
            "What to do: review each clause that does not stand and each new paragraph, then the rules and parameters "
            f"that rest on them; then, in {REGISTER}, put the new fingerprint in the place of the old one, add an "
            "entry for a new paragraph, and take out the entry of one that is gone."
        )


def _of_reviewed(paragraph: Reviewed) -> list[str]:
    if paragraph.status == STANDS:
        return []
    if paragraph.status == GONE:
        return [f"        gone: the paragraph of fingerprint {paragraph.fingerprint}"]
    assert paragraph.today is not None
    if paragraph.status == MOVED:
        return [f"        moved to line {paragraph.today.line}, and reads as it was reviewed"]
    return [
        f"        changed: line {paragraph.today.line}, in the place of fingerprint {paragraph.fingerprint}",
        *_of_today(paragraph.today),
    ]


def _of_today(paragraph: Paragraph) -> list[str]:
    return [f"          {printable(paragraph.text)}", f"          new fingerprint: {paragraph.fingerprint}"]


def _between(new: New) -> str:
    if not new.after:
        return f"before {', '.join(new.before) or 'everything'}"
    return (
        f"between {', '.join(new.after)} and {', '.join(new.before)}" if new.before else f"after {', '.join(new.after)}"
    )


def check(file: str, bundle: Bundle) -> Report:
    """Hold the text of a page, a file or `-` for standard input, against the register of the source of a bundle.

    Raises FileNotUsable.
    """
    try:
        register = bundle.data["therapy"]["register"]
        clauses = register["clauses"]
        paragraphs = [(entry["fingerprint"], entry["clauses"]) for entry in register["source"]["paragraphs"]]
    except (KeyError, TypeError):
        raise FileNotUsable(f"{bundle.name} keeps no fingerprints of the source page; name a later bundle") from None
    said = {clause for _, of_paragraph in paragraphs for clause in of_paragraph}
    if out_of_step := sorted(said ^ clauses.keys()):
        raise FileNotUsable(
            f"{bundle.name} is not whole: {', '.join(out_of_step)} must stand both among its clauses and in {REGISTER}"
        )
    parameters = parameters_of(bundle.data["therapy"]["parameters"]).values()
    page = list(_page(file))
    reviewed, new = _aligned(paragraphs, page)
    return Report(
        reviewed,
        [
            Clause(
                name,
                clauses[name]["summary"],
                [paragraph for paragraph in reviewed if name in paragraph.clauses],
                [code for code, entry in register["reason_codes"].items() if name in entry["clauses"]],
                [parameter.name for parameter in parameters if name in parameter.clauses],
            )
            for name in sorted(clauses, key=lambda name: int(clauses[name]["order"]))
        ],
        new,
    )


def fingerprint(paragraph: str) -> str:
    """The fingerprint of a paragraph: the first 16 hexadecimal digits of the SHA-256 of its words."""
    return hashlib.sha256(" ".join(_words(paragraph)).encode()).hexdigest()[:16]


def _words(paragraph: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _LIST_MARK.sub("", paragraph)).casefold())


def _page(file: str) -> Iterator[Paragraph]:
    name = "standard input" if file == "-" else file
    with open_input(file) as stream:
        written = stream.read(MAX_PAGE_BYTES + 1)
    if len(written) > MAX_PAGE_BYTES:
        raise FileNotUsable(f"{name} is too long for the text of a page; save the text of the source page alone")
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileNotUsable(f"{name} is no text in UTF-8; save the page's text as UTF-8") from None
    if _HTML.search(text):
        raise FileNotUsable(
            f"{name} is HTML; open the page in a browser, and save its text (select all, copy, paste into a text file)"
        )
    paragraphs = [
        Paragraph(number, line.strip(), fingerprint(line))
        for number, line in enumerate(io.StringIO(text, newline=None), start=1)
        if _words(line)
    ]
    if not paragraphs:
        raise FileNotUsable(f"{name} holds no text; save the text of the source page in it")
    return iter(paragraphs)


def _aligned(reviewed: list[tuple[str, list[str]]], page: list[Paragraph]) -> tuple[list[Reviewed], list[New]]:
    """Say what became of each reviewed paragraph, in their order, and which paragraphs of the page are new."""
    then, now = [mark for mark, _ in reviewed], [paragraph.fingerprint for paragraph in page]
    runs = SequenceMatcher(None, then, now, autojunk=False).get_opcodes()
    became: dict[int, tuple[str, int]] = {}  # of a reviewed paragraph: its status, and its place on the page
    for kind, first, last, first_now, _ in runs:
        if kind == "equal":
            became |= {first + n: (STANDS, first_now + n) for n in range(last - first)}
    elsewhere: defaultdict[str, deque[int]] = defaultdict(deque)
    for place in sorted(set(range(len(page))) - {place for _, place in became.values()}):
        elsewhere[now[place]].append(place)
    for index, mark in enumerate(then):
        if index not in became and elsewhere[mark]:
            became[index] = (MOVED, elsewhere[mark].popleft())
    taken = {place for _, place in became.values()}
    for kind, first, last, first_now, last_now in runs:
        if kind == "replace":
            left = [index for index in range(first, last) if index not in became]
            left_now = [place for place in range(first_now, last_now) if place not in taken]
            if len(left) == len(left_now):
                became |= {index: (CHANGED, place) for index, place in zip(left, left_now, strict=True)}
    found = []
    for index, (mark, clauses) in enumerate(reviewed):
        status, today = became.get(index, (GONE, None))
        found.append(Reviewed(mark, clauses, status, None if today is None else page[today]))
    return found, list(_new(page, {place: reviewed[index][1] for index, (_, place) in became.items()}))


def _new(page: list[Paragraph], clauses_at: dict[int, list[str]]) -> Iterator[New]:
    # Headings that say no clause are passed over.
    before: list[list[str]] = []
    nearest: list[str] = []
    for place in reversed(range(len(page))):
        nearest = clauses_at.get(place) or nearest
        before.append(nearest)
    nearest = []
    for place, paragraph in enumerate(page):
        nearest = clauses_at.get(place) or nearest
        if place not in clauses_at:
            yield New(paragraph, nearest, before[-1 - place])
