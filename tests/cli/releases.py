"""A git repository with a policy and its first release, made by the real command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.cli.command import ROOT, run
from tests.cli.policies import DAY, policy_of_the_day

MINUTES = 5 * 60.0  # for one comparison, even on a machine that is busy
VERSION_FILE = "policies/therapy/register/policy/data.yaml"
PARAMETERS = "policies/therapy/parameters/data.yaml"
VERSION = str(yaml.safe_load((ROOT / VERSION_FILE).read_text(encoding="utf-8"))["version"])
MAJOR, MINOR, PATCH = map(int, VERSION.split("."))
NEXT_PATCH, NEXT_MINOR = f"{MAJOR}.{MINOR}.{PATCH + 1}", f"{MAJOR}.{MINOR + 1}.0"
NEXT_MAJOR = f"{MAJOR + 1}.0.0"


def first_release(root: Path) -> Path:
    """A repository with the policy of the day, accepted on `DAY` as its first release."""
    policy_of_the_day(root / "policies")
    (root / "policies/CHANGELOG.md").write_text("# Changes\n", encoding="utf-8")
    git(root, "init", "--quiet")
    git(root, "config", "user.name", "A test")
    git(root, "config", "user.email", "test@example.org")
    add_entry(root, VERSION, DAY)
    commit(root)
    result = run("accept", "--date", DAY, "--yes", cwd=root, seconds=MINUTES)
    assert result.returncode == 0, result.stderr.decode()
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A step")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new), encoding="utf-8")


def add_entry(root: Path, version: str, day: str) -> None:
    """Add a version to the changelog of the policy."""
    changelog = root / "policies/CHANGELOG.md"
    heading, rest = changelog.read_text(encoding="utf-8").split("\n", 1)
    changelog.write_text(f"{heading}\n\n## [{version}] - {day}\n\nA change.\n{rest}", encoding="utf-8")


def set_version(root: Path, old: str, new: str) -> None:
    replace(root / VERSION_FILE, f"\nversion: {old}\n", f"\nversion: {new}\n")


def three_more_visits(root: Path, start: str) -> None:
    """Add a period to the initial visits, with three more treatment visits in the nonacute tier."""
    file = root / PARAMETERS
    parameters = yaml.safe_load(file.read_text(encoding="utf-8"))
    periods = parameters["outpatient_pt"]["initial_visits"]["periods"]
    value = {tier: dict(entry) for tier, entry in periods[-1]["value"].items()}
    value["nonacute"]["treatment"] += 3
    periods.append({"from": start, "value": value})
    file.write_text(yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True), encoding="utf-8")
