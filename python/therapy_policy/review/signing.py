"""What the page to sign shows: each interpretation and the release, with the text that a signature is bound to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from therapy_policy.change.sign_off import lines_of_release
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.releases import FOLDER as RELEASES
from therapy_policy.policy.releases import read_release
from therapy_policy.policy.sign_offs import (
    Point,
    Reviewer,
    digest_of,
    points_of,
    read_reviewers,
    release_of,
    what_is_read,
)
from therapy_policy.wording import count_of


@dataclass(frozen=True)
class ToSign:
    """A point that is open, stale or to change, with what its signature is bound to."""

    point: Point
    text: list[str]  # what the command shows of a release; [] for an interpretation
    entry: Any  # the interpretation in the register; None for a release
    codes: dict[str, Any]  # the reason codes that cite the interpretation, each with its entry
    pages: dict[str, str]  # the title of each page of rules that is signed with it, by path
    fields: str | None  # how many definitions of fields are signed with it, if it determines what a request has
    digest: str  # 64 hex digits
    obstacle: str | None  # why it cannot be signed now

    @property
    def anchor(self) -> str:
        """The name of its anchor on the page."""
        return self.point.subject.replace(" ", "-")


class Signing:
    """The points of a policy, and the people who may sign them."""

    def __init__(self, bundle: Bundle, records: Path | None) -> None:
        """Read the records about a bundle from a directory, None if there is none.

        Raises `FileNotUsable` if a record is not valid.
        """
        self.bundle = bundle
        self.records = records
        self.points = points_of(bundle, records)
        self.reviewers: list[Reviewer] = list(read_reviewers(records).values()) if records else []

    @property
    def signed(self) -> list[Point]:
        """The points that somebody confirmed, and that have not changed since."""
        return [point for point in self.points if point.state == "signed"]

    @cached_property
    def to_sign(self) -> list[ToSign]:
        """The other points: the interpretations, then the release."""
        return [self._to_sign(point) for point in self.points if point.state != "signed"]

    def _to_sign(self, point: Point) -> ToSign:
        digest = digest_of(self.bundle, point.subject)
        if point.subject == release_of(self.bundle):
            text = list(lines_of_release(self.bundle, self.records))
            return ToSign(point, text, None, {}, {}, None, digest, self._obstacle())
        read = what_is_read(self.bundle, point.subject)
        pages = {path: page["title"] for path, page in read["pages"].items()}
        fields = None if read["request_fields"] is None else count_of(len(read["request_fields"]), "definition")
        return ToSign(point, [], read["interpretation"], read["reason_codes"], pages, fields, digest, None)

    def _obstacle(self) -> str | None:
        file = self.records and self.records / RELEASES / f"{self.bundle.version}.yaml"
        if not file or not file.is_file():
            return "Nobody has accepted this release yet, so the command will not sign it."
        if read_release(file).text_digest != self.bundle.digest_of_everything:
            return "The policy has changed since this release was accepted, so the command will not sign it."
        return None
