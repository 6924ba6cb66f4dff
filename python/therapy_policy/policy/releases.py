"""Releases: the policies that somebody accepted, each with a record `releases/VERSION.yaml` beside `policies/`.

`therapy-policy accept` writes a record before the commit that contains it. So the commit with a release's policy is the
one that its record names or, if it names none, the one that added the record. A program that reads a policy from there
compares its digest with the record.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from therapy_policy.errors import FileNotUsable, ReleaseNotUsable
from therapy_policy.policy.records import read_record

FOLDER = "releases"
RESTORE = "Restore the record from git; `therapy-policy accept` writes it."

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Release:
    """A release record; schemas/policy/release.json describes its fields."""

    version: str
    accepted_on: str  # YYYY-MM-DD
    decision_digest: str  # 64 hex digits
    text_digest: str  # 64 hex digits
    git_revision: str | None  # the commit that has the policy, if it was committed before the record
    previous: str | None  # the version that it was compared with
    change: str  # first, patch, minor or major
    decided: str  # the requests that both policies decided: "every class", "sample" or "nothing"
    changes: Sequence[str]
    flips: Sequence[Mapping[str, Any]]
    examples: Sequence[Mapping[str, str]]


def is_version(text: str) -> bool:
    """Whether a text is the version of a policy, such as 1.0.1."""
    return _VERSION.fullmatch(text) is not None


def version_number(version: str) -> tuple[int, int, int]:
    """Return a version as numbers, which can be compared."""
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def releases_of(root: Path) -> list[Release]:
    """Read the releases of the directory that contains `policies/`, oldest first; [] if there are none.

    Raises `ReleaseNotUsable` if a record is not valid, or does not follow from the one before it.
    """
    files = (root / FOLDER).glob("*.yaml")
    releases = sorted(map(read_release, files), key=lambda release: version_number(release.version))
    for older, newer in zip([None, *releases], releases, strict=False):
        if newer.previous != (older and older.version):
            raise _not_usable(newer.version, f"`previous` is {newer.previous}, not {older and older.version}")
        if older and newer.accepted_on < older.accepted_on:
            raise _not_usable(newer.version, f"`accepted_on` is before that of {older.version}, {older.accepted_on}")
    return releases


def read_release(file: Path) -> Release:
    """Read a release record.

    Raises `ReleaseNotUsable`.
    """
    version = file.stem
    try:
        record = read_record(file, f"{FOLDER}/{file.name}", "release").value
    except FileNotUsable as problem:
        raise ReleaseNotUsable(
            f"The release record {FOLDER}/{version}.yaml cannot be used. {RESTORE}\n{problem}"
        ) from None
    if record["version"] != version:
        raise _not_usable(version, f"it is about version {record['version']}")
    try:
        date.fromisoformat(record["accepted_on"])
    except ValueError:
        raise _not_usable(version, f"`accepted_on` is {record['accepted_on']}, which is not a date") from None
    return Release(**record)


def _not_usable(version: str, problem: str) -> ReleaseNotUsable:
    return ReleaseNotUsable(f"The release record {FOLDER}/{version}.yaml cannot be used: {problem}. {RESTORE}")


def commits_of(release: Release, root: Path) -> Iterator[str]:
    """Yield the commits that can have the policy of a release, the most likely one first.

    `root` is the directory that contains `releases/`, in a git checkout.
    """
    if release.git_revision:
        yield release.git_revision
    record = f"{FOLDER}/{release.version}.yaml"
    log = ["log", "-1", "--no-renames", "--diff-filter=A", "--format=%H", "--", record]
    try:
        done = subprocess.run(["git", *log], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return
    yield from done.stdout.split()
