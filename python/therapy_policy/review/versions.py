"""The releases of a policy for the review: what each changed, as its record says, and who signed it.

Everything comes from the records beside the policy: releases/, sign-offs/ and policies/CHANGELOG.md. A bundle alone has
none of them; then nothing is known of its releases, and the pages say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markupsafe import Markup, escape

from therapy_policy.change.accept import CHANGELOG, WHY
from therapy_policy.change.history import InForce, in_force
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.releases import Release
from therapy_policy.policy.sign_offs import SignOff, read_sign_offs
from therapy_policy.review.differences import (
    CLAUSES,
    CODES,
    FIELDS,
    INTERPRETATIONS,
    NUMBERS,
    Change,
    Differences,
    Names,
    differences_of_record,
)
from therapy_policy.review.reading import PolicyView

RULE_HOW = {
    "added": "added",
    "removed": "removed",
    "changed": "written differently",
    "metadata": "new title or description",
}
# What both policies decided for a record.
DECIDED = {
    "every class": "Both policies decided every class of requests that the change can affect.",
    "sample": "Both policies decided only a sample of the classes of requests.",
    "nothing": "Nothing: there was no release to compare it with.",
}


@dataclass(frozen=True)
class Version:
    """A release, and all that its page shows."""

    release: Release
    in_force: InForce
    differences: Differences
    verdicts: tuple[SignOff, ...]  # of the people who signed the release, the oldest first
    changelog: Markup | None  # what its authors wrote about it

    @property
    def address(self) -> str:
        """The name of its page."""
        return address_of(self.release.version)

    @property
    def what_changed(self) -> str:
        """What the version number says, in words."""
        return WHY.get(self.release.change, "the first release")

    @property
    def signers(self) -> list[str]:
        """The names of the people who confirmed its text, the oldest signature first."""
        digest = self.release.text_digest
        confirmed = (each for each in self.verdicts if each.verdict == "confirmed" and each.digest == digest)
        return list(dict.fromkeys(each.reviewer.name for each in confirmed))

    @property
    def not_recorded(self) -> list[str]:
        """What a reader may ask and the record does not say, in sentences."""
        release, differences = self.release, self.differences
        sentences = {
            "Who accepted it.": True,
            "What the policy contained: a first release is compared with nothing.": release.previous is None,
            "Why a decision changed: it has both outcomes and the smallest request, and no reasons.": release.flips,
            "Which changes those are that it only counts.": differences.rule_counts
            or any(change.count for change in differences.changes),
            "The words before and after, where only words changed.": any(
                change.wording and not change.has_values for _, changes in differences.areas() for change in changes
            ),
            "What a rule said before.": differences.rules or differences.rule_counts,
            "The commit of the policy: it was committed together with the record.": release.git_revision is None,
        }
        return [sentence for sentence, applies in sentences.items() if applies]


@dataclass(frozen=True)
class ClauseHistory:
    """What a release changed of a clause."""

    version: str
    accepted_on: str  # YYYY-MM-DD
    address: str  # the page of the release
    changes: tuple[str, ...]  # in words, such as "PT-3: summary: new wording"
    only_counted: bool  # whether the record counts changes, without names, that can be of this clause


def address_of(version: str) -> str:
    """Return the name of the page of a release."""
    return f"version-{version}.html"


class Versions:
    """The releases beside a policy, oldest first; none if there are no records."""

    def __init__(self, bundle: Bundle, records: Path | None, names: Names) -> None:
        """Read the records in a directory.

        Raises `ReleaseNotUsable` or `FileNotUsable` if a record is not valid.
        """
        self._bundle, self._names = bundle, names
        self.known = records is not None  # whether there is a place for records at all
        self.all = [] if records is None else list(_versions(records, names))

    @property
    def newest(self) -> Version | None:
        """The newest release."""
        return self.all[-1] if self.all else None

    @cached_property
    def this(self) -> Version | None:
        """The release that the bundle is; None if nobody has accepted it, or nothing is known."""
        digest = self._bundle.digest_of_everything
        return next((each for each in self.all if each.release.text_digest == digest), None)

    def history_of_clause(self, clause: str, rule_titles: Collection[str] = ()) -> list[ClauseHistory]:
        """List the releases that changed something of a clause, oldest first, as their records say.

        That is its text, the reason codes that cite it, the numbers and lists that come from it, the interpretations
        that these codes cite, and the rules with these titles. Which those are, the policy of this site says.
        """
        subjects = self._subjects_of_clause(clause)
        found = []
        for version in self.all:
            changes = [each for each in version.differences.changes if each.area in subjects]
            named = [each for each in changes if _concerns(each, clause, subjects[each.area])]
            counted = any(not each.subject for each in changes)
            rules = [rule for rule in version.differences.rules if rule.title in rule_titles]
            if named or counted or rules:
                words = dict.fromkeys(self._names.change_in_words(each) for each in named)
                words |= dict.fromkeys(f"Rule “{rule.title}”: {RULE_HOW[rule.how]}" for rule in rules)
                release = version.release
                found.append(
                    ClauseHistory(release.version, release.accepted_on, version.address, tuple(words), counted)
                )
        return found

    def _subjects_of_clause(self, clause: str) -> dict[str, set[str]]:
        """By area: the names of what belongs to a clause."""
        therapy = self._bundle.data["therapy"]
        codes = {code: each for code, each in therapy["register"]["reason_codes"].items() if clause in each["clauses"]}
        return {
            CLAUSES: {clause},
            CODES: set(codes),
            NUMBERS: {name for name, clauses in self._names.clauses_of_parameters.items() if clause in clauses},
            INTERPRETATIONS: {each["interpretation"] for each in codes.values()} - {None},
        }


def links_to(policy: PolicyView) -> Callable[[Change], str | None]:
    """Return a function that gives the address of what a change belongs to; None if the policy no longer has it."""
    pages: dict[str, tuple[Collection[str], str]] = {
        NUMBERS: (policy.parameters, "numbers.html#{}"),
        CODES: (policy.codes, "reasons.html#{}"),
        CLAUSES: (policy.clauses, "clause-{}.html"),
        INTERPRETATIONS: (policy.interpretations, "interpretations.html#{}"),
        FIELDS: (policy.request_types, "{}.html"),
    }

    def link_to(change: Change) -> str | None:
        known, address = pages.get(change.area, ((), ""))
        return address.format(change.subject) if change.subject in known else None

    return link_to


def _concerns(change: Change, clause: str, subjects: set[str]) -> bool:
    """Whether a change is of one of these subjects, or of something with the clause that the policy no longer has."""
    if change.subject in subjects:
        return True
    entries = (value for value in (change.before, change.after) if isinstance(value, Mapping))
    return any(clause in (entry.get("clauses") or ()) or entry.get("clause") == clause for entry in entries)


def _versions(records: Path, names: Names) -> Iterator[Version]:
    verdicts = read_sign_offs(records)
    changelog = _changelog(records / "policies" / CHANGELOG)
    for period in in_force(records):
        release = period.release
        yield Version(
            release,
            period,
            differences_of_record(release, names),
            tuple(verdicts.get(f"release {release.version}", ())),
            changelog.get(release.version),
        )


# --- The changelog ---------------------------------------------------------------------------------------------------


def _changelog(file: Path) -> dict[str, Markup]:
    """The entries of a changelog as HTML, by version: paragraphs, lists and headings below that of the version."""
    if not file.is_file():
        return {}
    parts = re.split(r"(?m)^## \[([^\]]+)\].*$", file.read_text(encoding="utf-8"))
    return {version: Markup("\n").join(_html(text)) for version, text in zip(parts[1::2], parts[2::2], strict=True)}


def _html(markdown: str) -> Iterator[Markup]:
    for block in re.split(r"\n{2,}", markdown.strip()):
        if block.startswith("### "):
            yield Markup("<h3>{}</h3>").format(_inline(block.removeprefix("### ")))
        elif block.startswith("- "):
            items = (Markup("<li>{}</li>").format(_inline(item)) for item in re.split(r"\n(?=- )", block))
            yield Markup("<ul>{}</ul>").format(Markup("").join(items))
        elif block:
            yield Markup("<p>{}</p>").format(_inline(block))


def _inline(text: str) -> Markup:
    """A text without the line breaks of its file; of a link only its words, because it leads into the repository."""
    words = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(text.removeprefix("- ").split()))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words))))
