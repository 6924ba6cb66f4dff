"""The policy of this repository is a release that somebody accepted, and each release can be found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from therapy_policy import ReleaseNotUsable
from therapy_policy.change.worked import missing_examples, worked_examples
from therapy_policy.policy.bundles import load, packaged_bundle
from therapy_policy.policy.releases import Release, commits_of, releases_of

ROOT = Path(__file__).parents[2]
RELEASES = releases_of(ROOT)

NOT_ACCEPTED = (
    "The policy differs from {}, its newest release. If the change is intended, write a new version in "
    "policies/therapy/register/policy/data.yaml, add it to policies/CHANGELOG.md, and run "
    "`therapy-policy accept --date YYYY-MM-DD` and `make generate`."
)


def test_the_policy_is_the_newest_release() -> None:
    bundle, newest = packaged_bundle(), RELEASES[-1]
    same = (bundle.version, bundle.digest, bundle.digest_of_everything) == (
        newest.version,
        newest.decision_digest,
        newest.text_digest,
    )
    assert same, NOT_ACCEPTED.format(newest.version)


def test_every_release_after_the_first_was_compared_in_full() -> None:
    assert [release.decided for release in RELEASES] == ["nothing", *["every class"] * (len(RELEASES) - 1)]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_a_release_is_found_by_its_version(release: Release) -> None:
    # The newest one is also in the commit of this checkout.
    if release is RELEASES[-1] or is_here(next(commits_of(release, ROOT))):
        assert load(release.version).version == release.version
    else:
        with pytest.raises(ReleaseNotUsable, match="Fetch the whole history"):
            load(release.version)


def is_here(commit: str) -> bool:
    """Whether this checkout has a commit, which it may not if it was cloned without its history."""
    look = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(look, cwd=ROOT, stderr=subprocess.DEVNULL).returncode == 0


def test_each_period_and_each_listed_code_has_a_worked_example() -> None:
    missing = missing_examples(packaged_bundle(), worked_examples())
    assert not missing, "\n".join(line for each in missing for line in each.as_lines())
