"""Compare the current text of the source page with its paragraphs as they were last reviewed.

The register of the source has a fingerprint of each reviewed paragraph, in the order of the page, with the clauses in
that paragraph. A paragraph is a line with at least one word. Its fingerprint covers its words, numbers and the signs
+ = < > %. White space, punctuation, capitalization and list markers are ignored.
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
from therapy_policy.files import display_name, open_input
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import parameters_of
from therapy_policy.wording import count_of, printable

REGISTER = "policies/therapy/register/source/data.yaml"
MAX_PAGE_BYTES = 1 << 20  # the page has about 8,000

UNCHANGED, MOVED, CHANGED, REMOVED = "unchanged", "moved", "changed", "removed"

_LIST_MARK = re.compile(r"^\s*(?:[•·▪◦*-]|\d{1,2}[.)])\s+")
_WORD = re.compile(r"[^\W_]+|[+=<>%]")
_HTML = re.compile(
    r"<(!doctype|html|head|body|meta|script|div|span|table|p|ul|ol|li|br|a|h[1-6])\b[^<]*>", re.IGNORECASE
)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the current page; `line` is counted from 1."""

    line: int
    text: str
    fingerprint: str


@dataclass(frozen=True)
class ReviewedParagraph:
    """A paragraph as it was reviewed, its status, and the paragraph in its place on the current page."""

    fingerprint: str
    clauses: list[str]
    status: str
    current: Paragraph | None  # None if it was removed


@dataclass(frozen=True)
class NewParagraph:
    """A paragraph that was not reviewed, and the clauses of the nearest reviewed paragraphs around it."""

    current: Paragraph
    after: list[str]
    before: list[str]


@dataclass(frozen=True)
class ClauseStatus:
    """A clause, its paragraphs, and the reason codes and parameters that are based on it."""

    id: str
    summary: str
    paragraphs: list[ReviewedParagraph]
    reason_codes: list[str]
    parameters: list[str]

    @property
    def status(self) -> str:
        """Removed if all its paragraphs are, changed if any is changed or removed; a moved paragraph is unchanged."""
        statuses = {paragraph.status for paragraph in self.paragraphs}
        if statuses == {REMOVED}:
            return REMOVED
        return CHANGED if statuses & {CHANGED, REMOVED} else UNCHANGED


@dataclass(frozen=True)
class SourceReport:
    """The status of every reviewed paragraph and clause, and the new paragraphs."""

    reviewed: list[ReviewedParagraph] = field(default_factory=list)
    clauses: list[ClauseStatus] = field(default_factory=list)
    new: list[NewParagraph] = field(default_factory=list)

    @property
    def unchanged(self) -> bool:
        return not self.new and all(paragraph.status in (UNCHANGED, MOVED) for paragraph in self.reviewed)

    def as_dict(self) -> dict[str, Any]:
        return {
            "unchanged": self.unchanged,
            "paragraphs": self._counts(),
            "clauses": [{"status": clause.status} | asdict(clause) for clause in self.clauses],
            "headings": [asdict(paragraph) for paragraph in self.reviewed if not paragraph.clauses],
            "new": [asdict(new) for new in self.new],
        }

    def _counts(self) -> dict[str, int]:
        counts = dict.fromkeys((UNCHANGED, MOVED, CHANGED, REMOVED), 0)
        for paragraph in self.reviewed:
            counts[paragraph.status] += 1
        return {"reviewed": len(self.reviewed)} | counts | {"new": len(self.new)}

    def as_lines(self) -> list[str]:
        """The report as text, line by line."""
        counts = self._counts()
        lines = [
            f"{count_of(counts['reviewed'], 'reviewed paragraph')}: {counts[UNCHANGED]} unchanged, "
            f"{counts[MOVED]} moved, {counts[CHANGED]} changed, {counts[REMOVED]} removed. "
            f"New paragraphs: {counts['new']}."
        ]
        if counts[UNCHANGED] + counts[MOVED] == 0:
            lines.append(
                "None of the reviewed paragraphs is on this page. Check that this is the text of the source page."
            )
        elif min(counts[REMOVED], counts["new"]) > counts["reviewed"] / 4:
            lines.append(
                "Many paragraphs are removed and many are new. Check that no lines are wrapped: "
                "each paragraph must be one line."
            )
        lines.append("")
        for clause in self.clauses:
            lines.append(f"{clause.id:<7} {clause.status:<9} {clause.summary}")
            for paragraph in clause.paragraphs:
                lines += _describe_reviewed(paragraph)
            if clause.status != UNCHANGED:
                lines += [
                    f"        reason codes based on it: {', '.join(clause.reason_codes) or 'none'}",
                    f"        parameters based on it: {', '.join(clause.parameters) or 'none'}",
                ]
        headings = [
            line for paragraph in self.reviewed if not paragraph.clauses for line in _describe_reviewed(paragraph)
        ]
        if headings:
            lines += ["", "Headings without a clause", *headings]
        if self.new:
            lines += ["", "New paragraphs"]
            for new in self.new:
                lines += [f"        line {new.current.line}, {_between(new)}", *_describe_current(new.current)]
        return [*lines, "", self._what_to_do()]

    def _what_to_do(self) -> str:
        if self.unchanged:
            return "The page is unchanged since the review. There is nothing to do."
        return (
            "What to do: review each clause that is changed or removed, each new paragraph, and the rules and "
            f"parameters based on them. Then update {REGISTER}: replace the fingerprint of each changed paragraph, "
            "add an entry for each new paragraph, and delete the entry of each removed paragraph."
        )


def _describe_reviewed(paragraph: ReviewedParagraph) -> list[str]:
    if paragraph.status == UNCHANGED:
        return []
    if paragraph.status == REMOVED:
        return [f"        removed: the paragraph with fingerprint {paragraph.fingerprint}"]
    assert paragraph.current is not None
    if paragraph.status == MOVED:
        return [f"        moved to line {paragraph.current.line}, with the same text"]
    return [
        f"        changed: line {paragraph.current.line}, in place of fingerprint {paragraph.fingerprint}",
        *_describe_current(paragraph.current),
    ]


def _describe_current(paragraph: Paragraph) -> list[str]:
    return [f"          {printable(paragraph.text)}", f"          new fingerprint: {paragraph.fingerprint}"]


def _between(new: NewParagraph) -> str:
    if not new.after:
        return f"before {', '.join(new.before) or 'everything else'}"
    return (
        f"between {', '.join(new.after)} and {', '.join(new.before)}" if new.before else f"after {', '.join(new.after)}"
    )


def check(file: str, bundle: Bundle) -> SourceReport:
    """Compare the text of the page, in a file or `-` for standard input, with a bundle's register of the source.

    Raises `FileNotUsable`.
    """
    try:
        register = bundle.data["therapy"]["register"]
        clauses = register["clauses"]
        paragraphs = [(entry["fingerprint"], entry["clauses"]) for entry in register["source"]["paragraphs"]]
    except (KeyError, TypeError):
        raise FileNotUsable(f"{bundle.name} has no fingerprints of the source page. Give a later bundle.") from None
    in_source = {clause for _, of_paragraph in paragraphs for clause in of_paragraph}
    if unmatched := sorted(in_source ^ clauses.keys()):
        raise FileNotUsable(
            f"{bundle.name} is inconsistent: its clauses and {REGISTER} differ in {', '.join(unmatched)}. "
            "List each clause in both."
        )
    parameters = parameters_of(bundle.data["therapy"]["parameters"]).values()
    page = list(_page(file))
    reviewed, new = _align(paragraphs, page)
    return SourceReport(
        reviewed,
        [
            ClauseStatus(
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
    """Return the fingerprint of a paragraph: the first 16 hexadecimal digits of the SHA-256 of its words."""
    return hashlib.sha256(" ".join(_words(paragraph)).encode()).hexdigest()[:16]


def _words(paragraph: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _LIST_MARK.sub("", paragraph)).casefold())


def _page(file: str) -> Iterator[Paragraph]:
    name = display_name(file)
    with open_input(file) as stream:
        content = stream.read(MAX_PAGE_BYTES + 1)
    if len(content) > MAX_PAGE_BYTES:
        raise FileNotUsable(f"{name} is too long to be the source page. Save only the text of the source page.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileNotUsable(f"{name} is not UTF-8 text. Save the text of the page as UTF-8.") from None
    if _HTML.search(text):
        raise FileNotUsable(f"{name} is HTML. Open the page in a browser, select all, and copy it into a text file.")
    paragraphs = [
        Paragraph(number, line.strip(), fingerprint(line))
        for number, line in enumerate(io.StringIO(text, newline=None), start=1)
        if _words(line)
    ]
    if not paragraphs:
        raise FileNotUsable(f"{name} contains no text. Save the text of the source page in it.")
    return iter(paragraphs)


def _align(
    reviewed: list[tuple[str, list[str]]], page: list[Paragraph]
) -> tuple[list[ReviewedParagraph], list[NewParagraph]]:
    """Match reviewed paragraphs with the current page: return each with its status, and the new paragraphs."""
    then, now = [mark for mark, _ in reviewed], [paragraph.fingerprint for paragraph in page]
    runs = SequenceMatcher(None, then, now, autojunk=False).get_opcodes()
    matches: dict[
        int, tuple[str, int]
    ] = {}  # by the index of a reviewed paragraph: its status, and its index on the page
    for kind, first, last, first_now, _ in runs:
        if kind == "equal":
            matches |= {first + n: (UNCHANGED, first_now + n) for n in range(last - first)}
    elsewhere: defaultdict[str, deque[int]] = defaultdict(deque)
    for place in sorted(set(range(len(page))) - {place for _, place in matches.values()}):
        elsewhere[now[place]].append(place)
    for index, mark in enumerate(then):
        if index not in matches and elsewhere[mark]:
            matches[index] = (MOVED, elsewhere[mark].popleft())
    taken = {place for _, place in matches.values()}
    for kind, first, last, first_now, last_now in runs:
        if kind == "replace":
            left = [index for index in range(first, last) if index not in matches]
            left_now = [place for place in range(first_now, last_now) if place not in taken]
            if len(left) == len(left_now):
                matches |= {index: (CHANGED, place) for index, place in zip(left, left_now, strict=True)}
    results = []
    for index, (mark, clauses) in enumerate(reviewed):
        status, at = matches.get(index, (REMOVED, None))
        results.append(ReviewedParagraph(mark, clauses, status, None if at is None else page[at]))
    return results, list(_new(page, {place: reviewed[index][1] for index, (_, place) in matches.items()}))


def _new(page: list[Paragraph], clauses_at: dict[int, list[str]]) -> Iterator[NewParagraph]:
    # Headings without a clause are skipped.
    before: list[list[str]] = []
    nearest: list[str] = []
    for place in reversed(range(len(page))):
        nearest = clauses_at.get(place) or nearest
        before.append(nearest)
    nearest = []
    for place, paragraph in enumerate(page):
        nearest = clauses_at.get(place) or nearest
        if place not in clauses_at:
            yield NewParagraph(paragraph, nearest, before[-1 - place])
