"""Who signed what: the people in reviewers.yaml, and their verdicts in sign-offs/, both beside the policies.

A verdict is bound to the digest of what its author read. When that changes, the verdict is stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from therapy_policy.data_check import near_word
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.digest import sha256_of, without_comments
from therapy_policy.policy.records import Record, read_record
from therapy_policy.policy.releases import FOLDER as RELEASES
from therapy_policy.wording import count_of, printable

ROSTER = "reviewers.yaml"
SIGN_OFFS = "sign-offs"

# The file of a subject: of INT-1 or of release 1.1.0.
SUBJECT_FILE = re.compile(r"(?P<interpretation>INT-\d+)\.yaml|release-(?P<version>\d+\.\d+\.\d+)\.yaml")

MECHANICS = ("therapy", "lib")  # the package of helpers that carry no rule of coverage
VALIDATORS = ("therapy", "request")

State = Literal["signed", "open", "stale", "to_change"]


@dataclass(frozen=True)
class Reviewer:
    """A person who may sign from the day `start` through the day `end`."""

    id: str
    name: str
    role: str
    start: str  # YYYY-MM-DD
    end: str | None  # YYYY-MM-DD; None while there is no last day


@dataclass(frozen=True)
class SignOff:
    """One verdict."""

    subject: str  # INT-1 or release 1.1.0
    verdict: str  # confirmed or to_change
    reviewer: Reviewer
    date: str  # YYYY-MM-DD
    comment: str | None
    policy_version: str
    digest: str  # of what the reviewer read, 64 hex digits

    @property
    def in_words(self) -> str:
        """Who gave which verdict, and when."""
        did = "confirmed it" if self.verdict == "confirmed" else "asked for a change"
        return printable(f"{self.reviewer.name} ({self.reviewer.role}) {did} on {self.date}")


@dataclass(frozen=True)
class Point:
    """An interpretation or the release, and its newest verdict if there is one."""

    subject: str
    state: State
    sign_off: SignOff | None

    @property
    def in_words(self) -> str:
        """The state in a sentence without its end."""
        if self.sign_off is None:
            return "nobody has signed it yet"
        if self.state == "stale":
            return f"{self.sign_off.in_words}, but what was read has changed since"
        comment = f": {printable(self.sign_off.comment)}" if self.sign_off.comment else ""
        return self.sign_off.in_words + comment


# --- Where the records are -------------------------------------------------------------------------------------------


def file_of(subject: str) -> str:
    """Return the path of the file with the verdicts on a subject, from the directory of the records."""
    return f"{SIGN_OFFS}/{subject.replace(' ', '-')}.yaml"


# --- What a signature is bound to ------------------------------------------------------------------------------------


def release_of(bundle: Bundle) -> str:
    """Return the subject of a sign-off of the whole bundle, such as release 1.1.0."""
    return f"release {bundle.version}"


def what_is_read(bundle: Bundle, interpretation: str) -> dict[str, Any]:
    """Return what a reviewer of an interpretation reads, as a JSON value.

    That is its own text; the reason codes that cite it, whole; and the pages of rules that give these codes, with
    their titles and without other comments, because the choice often shows in other rules of the page. Pages that the
    rules with the codes read are part of it, too.

    Where no reason code shows the choice, it can be anywhere: for `visible_in: rules` in all pages of rules, and for
    `visible_in: requests` in the fields of the requests.

    Raises `OpaNotAvailable`.
    """
    therapy = bundle.data["therapy"]
    entry = therapy["register"]["interpretations"][interpretation]
    codes = {
        code: {field: value for field, value in each.items() if field != "order"}
        for code, each in therapy["register"]["reason_codes"].items()
        if each.get("interpretation") == interpretation
    }
    everywhere = entry["visible_in"] == "rules"
    return {
        "interpretation": {field: value for field, value in entry.items() if field != "review"},
        "reason_codes": codes,
        "pages": _pages(bundle, None if everywhere else codes.keys()),
        "request_fields": therapy["request"]["forms"] if entry["visible_in"] == "requests" else None,
    }


def digest_of(bundle: Bundle, subject: str) -> str:
    """Compute the SHA-256 of what a reviewer of an interpretation or of the release reads, as 64 hex digits.

    Raises `OpaNotAvailable`.
    """
    if subject == release_of(bundle):
        return bundle.digest_of_everything
    return sha256_of(what_is_read(bundle, subject))


def _pages(bundle: Bundle, codes: Iterable[str] | None) -> dict[str, Any]:
    """The pages of rules that give some codes, by path; of all rules for None."""
    wanted = None if codes is None else set(codes)
    packages = {page.package for page in bundle.rego.pages if page.package[:2] != VALIDATORS}
    if wanted is not None:
        giving = [rule for rule in bundle.rego.rules if rule.texts & wanted]
        read = {path[:size] for rule in giving for path in rule.reads for size in range(2, len(path) + 1)}
        packages &= {rule.package for rule in giving} | {package for package in read if package[:2] != MECHANICS}
    return {
        page.file: {
            "title": page.title,
            "description": page.description,
            "rules": [[rule.title, rule.description] for rule in page.rules if rule.title],
            "lines": without_comments(bundle.texts[page.file]),
        }
        for page in bundle.rego.pages
        if page.package in packages and page.package[:1] == ("therapy",)
    }


# --- Reading the records ---------------------------------------------------------------------------------------------


def points_of(bundle: Bundle, root: Path | None) -> list[Point]:
    """Return every interpretation of a bundle in order, then its release, each with its state.

    `root` has the records; None means that there are none, and every point is open.

    Raises `FileNotUsable` if a record is not valid; the message has every problem with file and line.
    """
    sign_offs = read_sign_offs(root) if root else {}
    interpretations = bundle.data["therapy"]["register"]["interpretations"]
    subjects = [*sorted(interpretations, key=lambda name: (len(name), name)), release_of(bundle)]  # INT-2 before INT-10
    if problems := [f"{file_of(each)}:1: {text}" for each in sign_offs if (text := unknown(each, bundle, root))]:
        raise _not_usable(problems)
    return [_point(bundle, subject, sign_offs.get(subject, [])) for subject in subjects]


def _point(bundle: Bundle, subject: str, sign_offs: list[SignOff]) -> Point:
    if not sign_offs:
        return Point(subject, "open", None)
    newest = sign_offs[-1]
    if newest.digest != digest_of(bundle, subject):
        return Point(subject, "stale", newest)
    return Point(subject, "signed" if newest.verdict == "confirmed" else "to_change", newest)


def unknown(subject: str, bundle: Bundle, root: Path | None) -> str | None:
    """Say that the policy has no such interpretation or release; None if it has."""
    interpretations = bundle.data["therapy"]["register"]["interpretations"]
    if subject in interpretations or subject == release_of(bundle):
        return None
    if not subject.startswith("release "):
        near = near_word(subject, interpretations)
        return f"the policy has no interpretation {printable(subject)}. {near}".rstrip()
    version = subject.removeprefix("release ")
    if root and (root / RELEASES / f"{version}.yaml").is_file():
        return None
    return f"there is no release {printable(version)}; the policy is version {bundle.version}"


def sign_offs_of_release(version: str, root: Path) -> list[SignOff]:
    """Return the verdicts on a release, oldest first.

    Raises `FileNotUsable` if a record is not valid.
    """
    return read_sign_offs(root).get(f"release {version}", [])


def read_sign_offs(root: Path) -> dict[str, list[SignOff]]:
    """Return all verdicts by subject, each list with the oldest first.

    Raises `FileNotUsable` if the roster or a record is not valid; the message has every problem with file and line.
    """
    reviewers = read_reviewers(root)
    directory = root / SIGN_OFFS
    files = sorted(path for path in directory.glob("*") if not path.name.startswith("."))
    found: dict[str, list[SignOff]] = {}
    problems: list[str] = []
    for path in files:
        name = f"{SIGN_OFFS}/{path.name}"
        match = SUBJECT_FILE.fullmatch(path.name)
        if match is None:
            problems.append(f"{name}:1: the name is neither INT-NUMBER.yaml nor release-VERSION.yaml")
            continue
        subject = match["interpretation"] or f"release {match['version']}"
        try:
            record = read_record(path, name, "sign_off")
        except FileNotUsable as problem:
            problems += str(problem).splitlines()
            continue
        if of_file := _problems_of_verdicts(record, reviewers):
            problems += of_file
        else:
            found[subject] = [_sign_off(subject, verdict, reviewers) for verdict in record.value]
    if problems:
        raise _not_usable(problems)
    return found


def _sign_off(subject: str, verdict: Mapping[str, Any], reviewers: Mapping[str, Reviewer]) -> SignOff:
    return SignOff(
        subject,
        verdict["verdict"],
        reviewers[verdict["by"]],
        verdict["date"],
        verdict.get("comment"),
        verdict["policy_version"],
        verdict["digest"],
    )


def _problems_of_verdicts(record: Record, reviewers: Mapping[str, Reviewer]) -> list[str]:
    # A day of tolerance, because a machine in another time zone may read a record on the day before.
    latest = (date.today() + timedelta(days=1)).isoformat()
    problems = []
    earlier = ""
    for at, verdict in enumerate(record.value):
        if problem := not_on_roster(verdict["by"], verdict["date"], reviewers):
            problems.append(record.at((at, "by"), problem))
        if problem := impossible_date(verdict["date"], latest):
            problems.append(record.at((at, "date"), problem))
        elif verdict["date"] < earlier:
            problems.append(record.at((at, "date"), f"{verdict['date']} is before the verdict above it, of {earlier}"))
        earlier = max(earlier, verdict["date"])
    return problems


def impossible_date(day: str, latest: str) -> str | None:
    """Say that a day is not in the calendar or is after the day `latest`; None if it is neither."""
    if not is_date(day):
        return f"{printable(day)} is not a real date in the form YYYY-MM-DD"
    return f"{day} is in the future; a sign-off has the day on which it was made" if day > latest else None


def is_date(text: str) -> bool:
    """Whether a text is a real calendar date in the form YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def not_on_roster(reviewer: str, day: str, reviewers: Mapping[str, Reviewer]) -> str | None:
    """Say that a person is not on the roster on a day; None if the person is."""
    person = reviewers.get(reviewer)
    if person is None:
        return f"nobody in {ROSTER} has the id {printable(reviewer)}. {near_word(reviewer, reviewers)}".rstrip()
    if day < person.start:
        return f"{reviewer} may sign from {person.start} on, not on {day}."
    if person.end is not None and day > person.end:
        return f"{reviewer} could sign through {person.end}, not on {day}."
    return None


def read_reviewers(root: Path) -> dict[str, Reviewer]:
    """Return the people who may sign, by id; none if there is no roster.

    Raises `FileNotUsable` if the roster is not valid; the message has every problem with its line.
    """
    file = root / ROSTER
    if not file.exists():
        return {}
    try:
        record = read_record(file, ROSTER, "reviewers")
    except FileNotUsable as problem:
        raise _not_usable(str(problem).splitlines()) from None
    if problems := _problems_of_roster(record):
        raise _not_usable(problems)
    return {
        each["id"]: Reviewer(each["id"], each["name"], each["role"], each["from"], each.get("until"))
        for each in record.value["reviewers"]
    }


def _problems_of_roster(record: Record) -> list[str]:
    problems = []
    ids = set()
    for at, each in enumerate(record.value["reviewers"]):
        place = ("reviewers", at)
        if each["id"] in ids:
            problems.append(record.at((*place, "id"), f"the id {each['id']} is there twice; give each person one"))
        ids.add(each["id"])
        for field in ("from", "until"):
            if field in each and not is_date(each[field]):
                problems.append(record.at((*place, field), f"{each[field]} is not a real date"))
        if each.get("until", each["from"]) < each["from"]:
            problems.append(record.at((*place, "until"), f"{each['until']} is before the first day, {each['from']}"))
    return problems


def _not_usable(problems: list[str]) -> FileNotUsable:
    return FileNotUsable("\n".join([f"The sign-offs cannot be used. {count_of(len(problems), 'problem')}:", *problems]))


# --- In words --------------------------------------------------------------------------------------------------------


def summary_lines(points: list[Point]) -> list[str]:
    """Describe the sign-offs in a few lines: how many points are signed, which are open, and each other one."""
    signed = [point for point in points if point.state == "signed"]
    lines = [f"{len(signed)} of {count_of(len(points), 'point')} signed"]
    if open_ := [point.subject for point in points if point.state == "open"]:
        lines.append(f"open: {', '.join(open_)}")
    lines += [
        f"{point.state.replace('_', ' ')}: {point.subject}: {point.in_words}"
        for point in points
        if point.state in ("stale", "to_change")
    ]
    return lines


def unsigned(points: list[Point]) -> list[str]:
    """Describe each point that is open, stale or to change, with the command that signs it; [] if all are signed."""
    return [
        f"{point.subject}: {point.in_words}. To sign it: therapy-policy sign-off {point.subject} --by ID "
        "--on YYYY-MM-DD --verdict confirmed"
        for point in points
        if point.state != "signed"
    ]
