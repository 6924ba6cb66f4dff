"""The history of the policy: its releases, when each was in force, what it changed, and who signed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from therapy_policy.change.diff import FOUND_BY
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy.bundles import check, load_uncompiled
from therapy_policy.policy.parameters import day_before
from therapy_policy.policy.releases import Release, commits_of, releases_of
from therapy_policy.policy.sign_offs import points_of, sign_offs_of_release, summary_lines
from therapy_policy.wording import count_of, printable

MAX_CHANGES = 6  # changes and flips of a release that the table shows; the others are counted

CHANGES = {
    "first": "the first release",
    "patch": "wording only",
    "minor": "other decisions for dates to come or for requests that were not valid, or other standard answers",
    "major": "other decisions for dates that had passed",
}


@dataclass(frozen=True)
class InForce:
    """A release, and the dates on which it decided."""

    release: Release
    through: str | None  # YYYY-MM-DD; None for the newest release
    commit: str | None  # the commit with the policy; None if it is not committed
    signed_by: tuple[str, ...]

    @property
    def dates(self) -> str:
        """The dates in words."""
        if self.replaced_on_the_same_day:
            return "replaced on the same day"
        return f"from {self.release.accepted_on}" + (f" through {self.through}" if self.through else "")

    @property
    def replaced_on_the_same_day(self) -> bool:
        """Whether another release was accepted on the same day."""
        return self.through is not None and self.through < self.release.accepted_on

    def as_dict(self) -> dict[str, Any]:
        """Return the release as a JSON value."""
        return asdict(self.release) | {
            "in_force": None
            if self.replaced_on_the_same_day
            else {"from": self.release.accepted_on, "through": self.through},
            "git_revision": self.commit,
            "signed_by": list(self.signed_by),
        }


def history(policies: Path, on: str | None = None) -> list[InForce]:
    """List the releases beside the directory `policies`, oldest first, or only the one in force on a date.

    Of several releases of one day, the last one was in force at its end.

    Raises `ReleaseNotUsable`, and `FileNotUsable` if `on` is not a date.
    """
    root = policies.resolve().parent
    periods = [replace(period, commit=next(commits_of(period.release, root), None)) for period in in_force(root)]
    if on is None:
        return periods
    try:
        date.fromisoformat(on)
    except ValueError:
        raise FileNotUsable(f"{on} is not a date. Give --on as YYYY-MM-DD, such as 2026-12-01.") from None
    return [period for period in periods if period.release.accepted_on <= on][-1:]


def in_force(root: Path) -> list[InForce]:
    """List the releases of the directory that contains `policies/`, oldest first, each with the commit in its record.

    Raises `ReleaseNotUsable`, and `FileNotUsable` if a sign-off is not valid.
    """
    releases = releases_of(root)
    ends = [day_before(release.accepted_on) for release in releases[1:]]
    return [
        InForce(release, end, release.git_revision, signed_by(release, root))
        for release, end in zip(releases, [*ends, None], strict=False)
    ]


def signed_by(release: Release, root: Path) -> tuple[str, ...]:
    """Return the ids of the reviewers who confirmed the text of a release, the oldest signature first."""
    verdicts = sign_offs_of_release(release.version, root)
    confirmed = (each for each in verdicts if each.verdict == "confirmed" and each.digest == release.text_digest)
    return tuple(dict.fromkeys(each.reviewer.id for each in confirmed))


def state_now(policies: Path) -> Iterator[str]:
    """Describe the policy in a directory as it is now: whether it is its newest release, and what is signed.

    Raises `FileNotUsable` if a sign-off is not valid, and `OpaNotAvailable`.
    """
    if check(str(policies)):
        yield "The policy here cannot be used. Run `therapy-policy check`."
        return
    root = policies.resolve().parent
    bundle = load_uncompiled(str(policies))
    newest = releases_of(root)[-1:]
    if newest and newest[0].text_digest == bundle.digest_of_everything:
        yield f"The policy here is release {bundle.version}."
    else:
        yield f"The policy here, {bundle.version}, is not a release. Run `therapy-policy accept`."
    yield from summary_lines(points_of(bundle, root))


def print_history(periods: Sequence[InForce], console: Console) -> None:
    """Print the releases as a table, newest first."""
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for heading, width in (("version", 7), ("in force", 15), ("what changed", None), ("signed by", 9), ("commit", 12)):
        table.add_column(heading, overflow="fold", width=width)
    for period in reversed(periods):
        release = period.release
        table.add_row(
            release.version,
            period.dates,
            _lines([CHANGES[release.change], *_few(release.changes), *_few(flips_as_text(release))]),
            "\n".join(period.signed_by) or "nobody",
            period.commit[:12] if period.commit else "not committed",
        )
    console.print(table)


def flips_as_text(release: Release) -> list[str]:
    """Return the flips of a release in words, each way once."""
    texts = []
    for flip in release.flips:
        dates = {"passed": "dates that had passed", "to come": "dates to come", "any": "any date"}[flip["dates"]]
        count = count_of(flip["count"], *FOUND_BY[flip["found_by"]])
        texts.append(f"{flip['request_type']}: {flip['old']} → {flip['new']}: {count}, of {dates}")
    return texts


def _few(texts: Sequence[str]) -> list[str]:
    more = len(texts) - MAX_CHANGES
    return [*texts[:MAX_CHANGES], *([f"… and {more} more; use --json to see all"] if more > 0 else [])]


def _lines(texts: Sequence[str]) -> str:
    return "\n".join(map(printable, texts))
