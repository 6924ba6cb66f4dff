"""The parameters and registers of this repository: `therapy-policy check` has no findings about them.

`make mutants` runs this as a lint, on a copy of the policies with one edit.
"""

from __future__ import annotations

from pathlib import Path

from therapy_policy.policy.check import check_directory

POLICIES = Path(__file__).parents[2] / "policies"


def test_the_policy_has_no_findings() -> None:
    assert [str(finding) for finding in check_directory(POLICIES)] == []
