"""The record of who checked the source page, and when: source-checks.yaml, beside the directory of policies."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from therapy_policy.data_check import packaged_schemas
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy.records import read_record
from therapy_policy.policy.sign_offs import ROSTER, is_date, not_on_roster, read_reviewers
from therapy_policy.wording import printable

SOURCE_CHECKS = "source-checks.yaml"

_NEW_FILE = """\
# yaml-language-server: $schema=schemas/policy/source_checks.json
# Who checked the source page, when, and with what result. `therapy-policy source-check FILE --record` adds an entry.

"""


@dataclass(frozen=True)
class SourceCheck:
    """A check of the source page."""

    date: str  # YYYY-MM-DD
    by: str
    page: str  # the SHA-256 of the fingerprints of the page, 64 hex digits
    result: str  # "unchanged", or a number of findings such as "2 findings"
    policy: str  # the version of the policy

    @property
    def in_words(self) -> str:
        """The check without the digest, such as "2026-11-20 by A. Reviewer: unchanged (policy 1.0.1)"."""
        return f"{self.date} by {printable(self.by)}: {self.result} (policy {self.policy})"


def source_checks_of(root: Path) -> list[SourceCheck]:
    """Read the recorded checks in the order of the file; `root` is the directory that contains `policies/`.

    Raises `FileNotUsable`.
    """
    path = root / SOURCE_CHECKS
    if not path.exists():
        return []
    record = read_record(path, str(path), "source_checks")
    checks = [SourceCheck(**check) for check in record.value]
    for at, check in enumerate(checks):
        if not is_date(check.date):
            raise FileNotUsable(record.at((at, "date"), f"{check.date} is not a real date."))
    return checks


def last_source_check(root: Path) -> SourceCheck | None:
    """Return the recorded check with the newest date, and of several the last in the file.

    Raises `FileNotUsable`.
    """
    return max(reversed(source_checks_of(root)), key=lambda check: check.date, default=None)


def refuse_unknown(root: Path, by: str, date: str) -> None:
    """Raise `FileNotUsable` unless `by` may check the page, and `date` is a real date that is not in the future."""
    if not is_date(date):
        raise FileNotUsable(f"{date!r} is not a date. Give the day of the check, such as 2026-03-31.")
    if date > datetime.date.today().isoformat():
        raise FileNotUsable(f"{date} is in the future. Give the day on which the page was copied.")
    if (root / ROSTER).exists() and (problem := not_on_roster(by, date, read_reviewers(root))):
        raise FileNotUsable(f"The check is not recorded: {problem}")


def add_source_check(root: Path, check: SourceCheck) -> None:
    """Add a check at the end of the record, which is made if there is none.

    Raises `FileNotUsable`.
    """
    path = root / SOURCE_CHECKS
    source_checks_of(root)  # an invalid record is left as it is
    entry = [asdict(check)]
    for problem in packaged_schemas().problems("source_checks", entry, ()):
        raise FileNotUsable(f"The check is not recorded: {problem.message}")
    before = path.read_text(encoding="utf-8") if path.exists() else _NEW_FILE
    end = "" if not before or before.endswith("\n") else "\n"
    path.write_text(before + end + yaml.safe_dump(entry, sort_keys=False, allow_unicode=True), encoding="utf-8")
