"""Compare the current text of the source page with its paragraphs as they were last reviewed.

The register of the source has a fingerprint of each reviewed paragraph, in the order of the page, with the clauses in
that paragraph, and marks the headings. A paragraph is a line with at least one word. Its fingerprint covers its words,
numbers and the signs + = < > %. White space, punctuation, capitalization and list markers are ignored.

A paragraph moved if it is in another order than at the review, or under another heading. The register keeps no text:
only a snapshot of the reviewed page, which the plan keeps, can show the earlier words.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

from therapy_policy.errors import FileNotUsable
from therapy_policy.files import display_name
from therapy_policy.inputs import open_input
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.parameters import parameters_of
from therapy_policy.policy.source_checks import SOURCE_CHECKS, SourceCheck, add_source_check
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
    """A paragraph of the current page or of the snapshot; `line` is counted from 1."""

    line: int
    text: str
    fingerprint: str


@dataclass(frozen=True)
class ReviewedEntry:
    """A paragraph in the register of the source."""

    fingerprint: str
    clauses: list[str]
    heading: bool


@dataclass(frozen=True)
class Neighbor:
    """A heading or paragraph that another one is below."""

    fingerprint: str
    clauses: list[str]
    line: int | None  # on the current page; None if it is missing
    text: str | None  # None if only its fingerprint is known


@dataclass(frozen=True)
class Place:
    """The heading that a paragraph is under, and the paragraph directly above it; each None if there is none."""

    heading: Neighbor | None
    after: Neighbor | None


@dataclass(frozen=True)
class Move:
    """The place of a paragraph at the review, and on the current page."""

    reviewed: Place
    current: Place


@dataclass(frozen=True)
class Words:
    """A run of words in a changed paragraph."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True)
class ReviewedParagraph:
    """A paragraph as it was reviewed, its status, and the paragraph in its place on the current page."""

    fingerprint: str
    clauses: list[str]
    heading: bool
    status: str
    current: Paragraph | None  # None if it was removed
    move: Move | None  # None if it did not move; a changed paragraph can have moved too
    snapshot: Paragraph | None  # None without a snapshot
    words: list[Words]  # old and new word by word; empty if it did not change, and without a snapshot


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
        """Removed if all its paragraphs are, changed if any is changed or removed, moved if any only moved."""
        statuses = {paragraph.status for paragraph in self.paragraphs}
        if statuses == {REMOVED}:
            return REMOVED
        if statuses & {CHANGED, REMOVED}:
            return CHANGED
        return MOVED if MOVED in statuses else UNCHANGED


@dataclass(frozen=True)
class SourceReport:
    """The status of every reviewed paragraph and clause, and the new paragraphs."""

    page: str  # the SHA-256 of the fingerprints of the current page
    reviewed: list[ReviewedParagraph]
    clauses: list[ClauseStatus]
    new: list[NewParagraph]
    recorded: SourceCheck | None = None  # the record of this check, if it was recorded

    @property
    def unchanged(self) -> bool:
        return self.findings == 0

    @property
    def findings(self) -> int:
        """The number of reviewed paragraphs that moved, changed or were removed, and of new paragraphs."""
        return sum(paragraph.status != UNCHANGED for paragraph in self.reviewed) + len(self.new)

    def as_dict(self) -> dict[str, Any]:
        return {
            "unchanged": self.unchanged,
            "page": self.page,
            "paragraphs": self._counts(),
            "clauses": [{"status": clause.status} | asdict(clause) for clause in self.clauses],
            "without_clause": [asdict(paragraph) for paragraph in self.reviewed if not paragraph.clauses],
            "new": [asdict(new) for new in self.new],
            "recorded": None if self.recorded is None else asdict(self.recorded),
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
        if not self.unchanged:
            lines.append("Line numbers are those of the current page.")
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
        without_clause = [
            line for paragraph in self.reviewed if not paragraph.clauses for line in _describe_reviewed(paragraph)
        ]
        if without_clause:
            lines += ["", "Paragraphs without a clause", *without_clause]
        if self.new:
            lines += ["", "New paragraphs"]
            for new in self.new:
                lines += [f"        line {new.current.line}, {_between(new)}", *_describe_current(new.current)]
        lines += ["", self._what_to_do()]
        if self.recorded is not None:
            lines.append(f"Recorded in {SOURCE_CHECKS}: {self.recorded.in_words}.")
        return lines

    def _what_to_do(self) -> str:
        if self.unchanged:
            return "The page is unchanged since the review. There is nothing to do."
        return (
            "What to do: review each clause that is moved, changed or removed, each new paragraph, and the rules and "
            f"parameters based on them. Then update {REGISTER}: replace the fingerprint of each changed paragraph, put "
            "the entry of each moved paragraph in its new place, add an entry for each new paragraph, and delete the "
            "entry of each removed paragraph."
        )


def _describe_reviewed(paragraph: ReviewedParagraph) -> list[str]:
    if paragraph.status == UNCHANGED:
        return []
    if paragraph.current is None:
        lines = [f"        removed: the paragraph with fingerprint {paragraph.fingerprint}"]
        return lines if paragraph.snapshot is None else [*lines, f"          [-{printable(paragraph.snapshot.text)}-]"]
    line = paragraph.current.line
    if paragraph.status == CHANGED:
        lines = [
            f"        changed: line {line}, in place of fingerprint {paragraph.fingerprint}",
            *_describe_current(paragraph.current, paragraph.words),
        ]
        if paragraph.move is not None:
            lines.append("          It also moved.")
    else:
        lines = [f"        moved: line {line}, with the same text", f"          {_quoted(paragraph.current.text)}"]
    if paragraph.move is not None:
        lines += [
            f"          at the review: {_where(paragraph.move.reviewed)}",
            f"          now: {_where(paragraph.move.current)}",
        ]
    return lines


def _where(place: Place) -> str:
    heading = "above the first heading" if place.heading is None else f"under the heading {_name(place.heading)}"
    if place.after is None:
        return f"{heading}, at the top of the page"
    if place.after == place.heading:
        return f"{heading}, first below it"
    return f"{heading}, after {_name(place.after)}"


def _name(neighbor: Neighbor) -> str:
    text = f"with fingerprint {neighbor.fingerprint}" if neighbor.text is None else _quoted(neighbor.text)
    details = ["removed" if neighbor.line is None else f"line {neighbor.line}", *neighbor.clauses]
    return f"{text} ({', '.join(details)})"


def _quoted(text: str) -> str:
    return f"“{printable(shorten(text, 60, placeholder=' …'))}”"


def _describe_current(paragraph: Paragraph, words: Iterable[Words] = ()) -> list[str]:
    marked = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    text = " ".join(marked[run.kind].format(run.text) for run in words) or paragraph.text
    return [f"          {printable(text)}", f"          new fingerprint: {paragraph.fingerprint}"]


def _between(new: NewParagraph) -> str:
    if not new.after:
        return f"before {', '.join(new.before) or 'everything else'}"
    return (
        f"between {', '.join(new.after)} and {', '.join(new.before)}" if new.before else f"after {', '.join(new.after)}"
    )


def check(file: str, bundle: Bundle, snapshot: str | None = None) -> SourceReport:
    """Compare the text of the page, in a file or `-` for standard input, with a bundle's register of the source.

    `snapshot` names a file with the text of the page as it was last reviewed.

    Raises `FileNotUsable`, also if the snapshot is not the page that the register has the fingerprints of.
    """
    try:
        register = bundle.data["therapy"]["register"]
        clauses = register["clauses"]
        paragraphs = [
            ReviewedEntry(entry["fingerprint"], entry["clauses"], entry.get("heading", False))
            for entry in register["source"]["paragraphs"]
        ]
    except (KeyError, TypeError):
        raise FileNotUsable(f"{bundle.name} has no fingerprints of the source page. Give a later bundle.") from None
    in_source = {clause for entry in paragraphs for clause in entry.clauses}
    if unmatched := sorted(in_source ^ clauses.keys()):
        raise FileNotUsable(
            f"{bundle.name} is inconsistent: its clauses and {REGISTER} differ in {', '.join(unmatched)}. "
            "List each clause in both."
        )
    parameters = parameters_of(bundle.data["therapy"]["parameters"]).values()
    earlier = None if snapshot is None else _snapshot(snapshot, paragraphs)
    page = _page(file)
    comparison = _Comparison(paragraphs, page, earlier)
    reviewed = comparison.reviewed()
    return SourceReport(
        hashlib.sha256("\n".join(paragraph.fingerprint for paragraph in page).encode()).hexdigest(),
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
        list(comparison.new()),
    )


def recorded(report: SourceReport, bundle: Bundle, root: Path, by: str, date: str) -> SourceReport:
    """Record a check of the page by `by` on a date in the directory `root`, and return the report with it.

    Raises `FileNotUsable`.
    """
    number = report.findings
    result = UNCHANGED if number == 0 else f"{number} finding{'' if number == 1 else 's'}"
    record = SourceCheck(date, by, report.page, result, bundle.version)
    add_source_check(root, record)
    return replace(report, recorded=record)


def fingerprint(paragraph: str) -> str:
    """Return the fingerprint of a paragraph: the first 16 hexadecimal digits of the SHA-256 of its words."""
    return hashlib.sha256(" ".join(_words(paragraph)).encode()).hexdigest()[:16]


def _words(paragraph: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _LIST_MARK.sub("", paragraph)).casefold())


def _page(file: str) -> list[Paragraph]:
    name = display_name(file)
    with open_input(file) as source:
        content = source.stream.read(MAX_PAGE_BYTES + 1)
    if len(content) > MAX_PAGE_BYTES:
        raise FileNotUsable(f"{name} is too long to be the source page. Save only the text of the source page.")
    try:
        text = content.decode()
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
    return paragraphs


def _snapshot(file: str, reviewed: list[ReviewedEntry]) -> list[Paragraph]:
    page = _page(file)
    for number, (paragraph, entry) in enumerate(zip(page, reviewed, strict=False), start=1):
        if paragraph.fingerprint != entry.fingerprint:
            raise FileNotUsable(
                f"{display_name(file)} is not the page as it was last reviewed: line {paragraph.line} differs from "
                f"paragraph {number} in {REGISTER}. Give the text that was kept after the last review."
            )
    if len(page) != len(reviewed):
        raise FileNotUsable(
            f"{display_name(file)} is not the page as it was last reviewed: it has "
            f"{count_of(len(page), 'paragraph')}, and {REGISTER} has {len(reviewed)}. "
            "Give the text that was kept after the last review."
        )
    return page


class _Comparison:
    """The reviewed paragraphs matched with the current page.

    A paragraph is called by its index in the register where it was reviewed, and in `page` where it is now.
    """

    def __init__(self, entries: list[ReviewedEntry], page: list[Paragraph], snapshot: list[Paragraph] | None) -> None:
        self.entries = entries
        self.page = page
        self.snapshot = snapshot
        self.matches = _matches([entry.fingerprint for entry in entries], [each.fingerprint for each in page])
        self.index_at = {place: index for index, (_, place) in self.matches.items()}
        self.heading_at_review = _headings_above([entry.heading for entry in entries])
        self.heading_now = _headings_above(
            [place in self.index_at and entries[self.index_at[place]].heading for place in range(len(page))]
        )

    def reviewed(self) -> list[ReviewedParagraph]:
        """Every reviewed paragraph, with its status."""
        moved = {index for index in self.matches if self._moved(index)}
        results = []
        for index, entry in enumerate(self.entries):
            status, place = self.matches.get(index, (REMOVED, None))
            if status == UNCHANGED and index in moved:
                status = MOVED
            current = None if place is None else self.page[place]
            snapshot = None if self.snapshot is None else self.snapshot[index]
            words = _difference(snapshot.text, current.text) if snapshot and current and status == CHANGED else []
            move = self._move(index, place) if place is not None and index in moved else None
            results.append(
                ReviewedParagraph(
                    entry.fingerprint, entry.clauses, entry.heading, status, current, move, snapshot, words
                )
            )
        return results

    def _moved(self, index: int) -> bool:
        """Whether a paragraph is in another order, under another heading, or changed places with its neighbor."""
        status, place = self.matches[index]
        if status == MOVED or any(
            other in self.matches and self.matches[other][1] - place == index - other
            for other in (index - 1, index + 1)
        ):
            return True
        heading_now = self.heading_now[place]
        now = None if heading_now is None else self.index_at[heading_now]
        return not self.entries[index].heading and now != self.heading_at_review[index]

    def _move(self, index: int, place: int) -> Move:
        heading, heading_now = self.heading_at_review[index], self.heading_now[place]
        return Move(
            Place(
                None if heading is None else self._reviewed_neighbor(heading),
                None if index == 0 else self._reviewed_neighbor(index - 1),
            ),
            Place(
                None if heading_now is None else self._current_neighbor(heading_now),
                None if place == 0 else self._current_neighbor(place - 1),
            ),
        )

    def _reviewed_neighbor(self, index: int) -> Neighbor:
        entry = self.entries[index]
        if index in self.matches:
            return self._current_neighbor(self.matches[index][1])
        text = None if self.snapshot is None else self.snapshot[index].text
        return Neighbor(entry.fingerprint, entry.clauses, None, text)

    def _current_neighbor(self, place: int) -> Neighbor:
        paragraph = self.page[place]
        clauses = self.entries[self.index_at[place]].clauses if place in self.index_at else []
        return Neighbor(paragraph.fingerprint, clauses, paragraph.line, paragraph.text)

    def new(self) -> Iterator[NewParagraph]:
        """The paragraphs that were not reviewed; paragraphs without a clause are skipped around them."""
        clauses_at = {place: self.entries[index].clauses for place, index in self.index_at.items()}
        before: list[list[str]] = []
        nearest: list[str] = []
        for place in reversed(range(len(self.page))):
            nearest = clauses_at.get(place) or nearest
            before.append(nearest)
        nearest = []
        for place, paragraph in enumerate(self.page):
            nearest = clauses_at.get(place) or nearest
            if place not in clauses_at:
                yield NewParagraph(paragraph, nearest, before[-1 - place])


def _matches(then: list[str], now: list[str]) -> dict[int, tuple[str, int]]:
    """Match reviewed fingerprints with those of the page: by index, the status of each and its index on the page."""
    runs = SequenceMatcher(None, then, now, autojunk=False).get_opcodes()
    matches: dict[int, tuple[str, int]] = {}
    for kind, first, last, first_now, _ in runs:
        if kind == "equal":
            matches |= {first + n: (UNCHANGED, first_now + n) for n in range(last - first)}
    elsewhere: defaultdict[str, deque[int]] = defaultdict(deque)
    for place in sorted(set(range(len(now))) - {place for _, place in matches.values()}):
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
    return matches


def _headings_above(is_heading: list[bool]) -> list[int | None]:
    """The index of the nearest heading above each paragraph."""
    above: list[int | None] = []
    nearest = None
    for index, heading in enumerate(is_heading):
        above.append(nearest)
        nearest = index if heading else nearest
    return above


def _difference(old: str, new: str) -> list[Words]:
    """Compare two texts word by word, as their fingerprints do."""
    then, now = (_LIST_MARK.sub("", text).split() for text in (old, new))
    matcher = SequenceMatcher(
        None, [tuple(_words(word)) for word in then], [tuple(_words(word)) for word in now], autojunk=False
    )
    runs = []
    for kind, first, last, first_now, last_now in matcher.get_opcodes():
        if kind == "equal":
            runs.append(Words("same", " ".join(now[first_now:last_now])))
            continue
        if last > first:
            runs.append(Words("removed", " ".join(then[first:last])))
        if last_now > first_now:
            runs.append(Words("added", " ".join(now[first_now:last_now])))
    return runs
