"""Accept a policy: compare it with the newest release, and write the record of a new one.

The record is written before the commit that contains it. It names the commit that has the policy only if the policy is
committed already; else it is the commit that adds the record, which has the policy too.

The version follows semantic versioning, as of the date that the person gives: wording is at least a patch version,
another decision for a date to come or another standard answer a minor version, and another decision for a date that
has passed a major version.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from therapy_policy.change.diff import AREAS, RULE_CHANGES, Document, diff, examples
from therapy_policy.change.render import by_area, change_as_text, rule_as_text
from therapy_policy.change.worked import MissingExample, missing_examples, worked_examples
from therapy_policy.classes import REQUEST_TYPES
from therapy_policy.errors import BundleNotUsable, FileNotUsable, PolicyNotAccepted
from therapy_policy.files import from_here
from therapy_policy.policy.bundles import Bundle, load, load_release
from therapy_policy.policy.releases import FOLDER, Release, is_version, releases_of, version_number

Report = Callable[[str], None]  # says what is being done

VERSION_FILE = Path("therapy/register/policy/data.yaml")
CHANGELOG = "CHANGELOG.md"

HEADER = """\
# A release of the policy. `therapy-policy accept` wrote this record; schemas/policy/release.json describes it.
# yaml-language-server: $schema=../schemas/policy/release.json
"""

MANY = 12  # changes of one kind that a record lists; more are counted

PASSED, TO_COME, ANY = "passed", "to come", "any"

WHY = {
    "patch": "no decision and no answer changed",
    "minor": "a request of a date to come or one that was not valid is decided differently, or an answer changed",
    "major": "some request of a date that has passed is decided differently",
}


@dataclass(frozen=True)
class Proposal:
    """A release that can be accepted."""

    root: Path  # the directory that contains policies/ and releases/
    release: Release
    document: Document | None  # the comparison with the newest release; None for the first release
    missing: Sequence[MissingExample]  # numbers and lists without a worked example

    @property
    def file(self) -> Path:
        """The file of the record."""
        return self.root / FOLDER / f"{self.release.version}.yaml"

    def check_version(self) -> str:
        """Return what the version is, in words, and the smallest that is right if it is greater than that.

        Raises `PolicyNotAccepted` if it is too small for what changed.
        """
        release = self.release
        if release.previous is None:
            return f"Version {release.version} is the first release."
        smallest = smallest_version(release.previous, release.change)
        because = f"after {release.previous}, because {WHY[release.change]}."
        enough = f"The smallest version that is right is {smallest}."
        if version_number(release.version) < version_number(smallest):
            place = _place_of_version(self.root / "policies")
            raise PolicyNotAccepted(f"{place}: version {release.version} is too small {because} {enough}")
        size = "right" if release.version == smallest else "greater than needed"
        return f"Version {release.version} is {size} {because} {enough}"

    def write(self) -> None:
        """Write the record."""
        self.file.parent.mkdir(exist_ok=True)
        text = yaml.safe_dump(asdict(self.release), sort_keys=False, allow_unicode=True, width=110)
        self.file.write_text(HEADER + text, encoding="utf-8")


def propose(policies: Path, accepted_on: str, report: Report, *, sample: str | None = None) -> Proposal | None:
    """Compare a directory `policies` with the newest release; return None if it is that release, unchanged.

    `accepted_on` (YYYY-MM-DD) decides which dates have passed. With `sample`, only a sample of this request type is
    decided, and the record says so. `report` is called before each step that takes long.

    Raises `PolicyNotUsable` if `check` has findings about the policy, `PolicyNotAccepted` if it does not meet another
    condition for a release, `FileNotUsable` if the date is not usable, `ReleaseNotUsable`, `BundleNotUsable`,
    `OpaNotAvailable` and `EngineNotAvailable`.
    """
    policies = policies.resolve()
    root = policies.parent
    releases = releases_of(root)
    newest = releases[-1] if releases else None
    _check_date(accepted_on, newest)
    _generate(root, report)
    report("Checking and compiling the policy …")
    bundle = load(from_here(policies))
    if newest and bundle.digest_of_everything == newest.text_digest:
        return None
    _check_version_is_new(bundle, releases, policies)
    _check_changelog(bundle.version, accepted_on, policies / CHANGELOG)
    document, old = None, None
    if newest:
        report(f"Compiling release {newest.version} …")
        old = load_release(newest, root)
        report("Deciding by both policies; this can take an hour …")
        types = [sample] if sample else list(REQUEST_TYPES)
        document = diff(old, bundle, types, examples(), quick=sample is not None, as_of=accepted_on)
    report("Deciding the worked examples …")
    release = _release(bundle, accepted_on, _commit_with(policies), newest, document, sample)
    return Proposal(root, release, document, missing_examples(bundle, worked_examples(), old))


def _release(
    bundle: Bundle,
    accepted_on: str,
    git_revision: str | None,
    newest: Release | None,
    document: Document | None,
    sample: str | None,
) -> Release:
    return Release(
        version=bundle.version,
        accepted_on=accepted_on,
        decision_digest=bundle.digest,
        text_digest=bundle.digest_of_everything,
        git_revision=git_revision,
        previous=newest.version if newest else None,
        change=change_of(document) if document else "first",
        decided="nothing" if document is None else "sample" if sample else "every class",
        changes=list(_changes(document)) if document else [],
        flips=list(_flips(document)) if document else [],
        examples=[
            {"name": flip["name"], "old": flip["old_outcome"], "new": flip["new_outcome"]}
            for flip in (document["examples"]["flips"] if document else ())
        ],
    )


# --- The version -----------------------------------------------------------------------------------------------------


def change_of(document: Document) -> str:
    """Return what a comparison means for the version: patch, minor or major.

    A request that was not valid was not decided. A decision on it now, or another error, is a minor change.
    """
    kinds = [kind for of_type in document["flips"] for kind in of_type["kinds"] if _was_decided(kind)]
    examples = [flip for flip in document["examples"]["flips"] if _was_decided(flip)]
    if {_dates(kind, document) for kind in kinds} & {PASSED, ANY} or any(flip["passed"] for flip in examples):
        return "major"
    return "minor" if document["behavior_changed"] or document["answers_changed"] else "patch"


def _was_decided(flip: Document) -> bool:
    return bool(flip["old_outcome"] != "invalid_request")


def _dates(kind: Document, document: Document) -> str:
    """The dates of the requests that flip this way, as of the date of acceptance.

    A malformed request is decided without its date. If rules differ, a request that was found by altering one of a
    date to come says nothing about other dates.
    """
    rules_differ = any(rule["change"] != "metadata" for rule in document["rules"])
    if kind["found_by"] == "form" or (kind["found_by"] == "near" and rules_differ):
        return ANY
    return PASSED if kind["passed"] else TO_COME


def smallest_version(previous: str, change: str) -> str:
    """Return the smallest version that may follow a release, for a change that is patch, minor or major."""
    major, minor, patch = version_number(previous)
    numbers = {"patch": (major, minor, patch + 1), "minor": (major, minor + 1, 0), "major": (major + 1, 0, 0)}[change]
    return ".".join(map(str, numbers))


def _check_version_is_new(bundle: Bundle, releases: Sequence[Release], policies: Path) -> None:
    place = _place_of_version(policies)
    if not is_version(bundle.version):
        raise PolicyNotAccepted(f"{place}: {bundle.version} is not a version. Write three numbers, such as 1.2.0.")
    if not releases:
        return
    newest = releases[-1].version
    at_least = f"Write a version after {newest}, the newest release: {smallest_version(newest, 'patch')} or greater."
    if bundle.version in (release.version for release in releases):
        raise PolicyNotAccepted(f"{place}: another policy is release {bundle.version} already. {at_least}")
    if version_number(bundle.version) < version_number(newest):
        raise PolicyNotAccepted(f"{place}: {bundle.version} is less than the version of a release. {at_least}")


def _place_of_version(policies: Path) -> str:
    file = policies / VERSION_FILE
    lines = file.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.startswith("version:")), 1)
    return f"{from_here(file)}:{line}"


# --- What else is required -------------------------------------------------------------------------------------------


def _check_date(accepted_on: str, newest: Release | None) -> None:
    try:
        real = re.fullmatch(r"\d{4}-\d\d-\d\d", accepted_on) and date.fromisoformat(accepted_on)
    except ValueError:
        real = None
    if not real or not 1900 <= real.year < 2100:
        raise FileNotUsable(f"{accepted_on} is not a date. Give --date as YYYY-MM-DD, such as 2026-12-01.")
    if newest and accepted_on < newest.accepted_on:
        raise FileNotUsable(
            f"{accepted_on} is before {newest.accepted_on}, the date of release {newest.version}. Give a later --date."
        )


def _generate(root: Path, report: Report) -> None:
    """In a checkout of this project, write the generated files first, so that what is accepted is what is built."""
    if not (root / "tools" / "generate.py").is_file():
        return
    report("Writing the generated files (tools.generate) …")
    done = subprocess.run([sys.executable, "-m", "tools.generate"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise PolicyNotAccepted(f"The generated files cannot be written. Correct this:\n{done.stderr.strip()}")


def _check_changelog(version: str, accepted_on: str, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    wanted = f"## [{version}] - {accepted_on}"
    if wanted in lines:
        return
    first = next((number for number, line in enumerate(lines, 1) if line.startswith("## [")), len(lines) + 1)
    other = next((number for number, line in enumerate(lines, 1) if line.startswith(f"## [{version}]")), None)
    what = (
        f"write this heading instead: {wanted}" if other else f"add this heading, and what changed below it: {wanted}"
    )
    raise PolicyNotAccepted(f"{from_here(file)}:{other or first}: version {version} needs an entry; {what}")


def _commit_with(policies: Path) -> str | None:
    """The current commit, if it has this policy; else None."""

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], cwd=policies, capture_output=True, text=True)
        except FileNotFoundError:
            raise BundleNotUsable("git is not installed. Install it: releases are found by their commits.") from None
        if done.returncode:
            raise BundleNotUsable(
                f"{from_here(policies)} is not in a git checkout with a commit. A release is found by its commit: "
                "put the policy into a git repository."
            )
        return done.stdout.strip()

    head = git("rev-parse", "--verify", "HEAD")
    return None if git("status", "--porcelain", "--", ".") else head


# --- What changed ----------------------------------------------------------------------------------------------------


def _changes(document: Document) -> Iterator[str]:
    """The changes in words: each number and list, and of new wording only the place; many changes are counted."""
    for area, changes in by_area(document["data"]).items():
        values = [f"{area}: {change_as_text(change)}" for change in changes if not change["wording"]]
        places = [f"{area}: {change['place']}: new wording" for change in changes if change["wording"]]
        yield from values if area == AREAS["parameters",] else _few(values, f"{area}: {len(values)} changes")
        yield from _few(places, f"{area}: new wording in {len(places)} places")
    for how, in_words in RULE_CHANGES.items():
        rules = [f"Rules: {rule_as_text(rule)}" for rule in document["rules"] if rule["change"] == how]
        yield from _few(rules, f"Rules: {in_words}: {len(rules)} rules")


def _few(texts: list[str], count: str) -> list[str]:
    return texts if len(texts) <= MANY else [count]


def _flips(document: Document) -> Iterator[dict[str, Any]]:
    """The flips of each request type by their outcomes and dates, each with a count and a smallest request."""
    for of_type in document["flips"]:
        grouped: dict[tuple[str, ...], dict[str, Any]] = {}
        for kind in of_type["kinds"]:
            request = kind["witness"]["request"]
            key = (kind["old_outcome"], kind["new_outcome"], _dates(kind, document), kind["found_by"])
            if key not in grouped:
                names = ("old", "new", "dates", "found_by")
                first = {"request_type": of_type["request_type"], **dict(zip(names, key, strict=True))}
                grouped[key] = first | {"count": 0, "smallest": request}
            flip = grouped[key]
            flip["count"] += kind["count"]
            flip["smallest"] = min(flip["smallest"], request, key=lambda each: len(json.dumps(each)))
        yield from grouped.values()
