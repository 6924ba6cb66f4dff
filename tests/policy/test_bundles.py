"""Loading a bundle by name."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from therapy_policy import BundleNotUsable, OpaNotAvailable, PolicyNotUsable
from therapy_policy.policy import bundles, rego

ROOT = Path(__file__).parents[2]
VERSION_PAGE = "policies/therapy/register/policy/data.yaml"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with the current policies; the test runs in it."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"], ["tag", "one"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_revision_is_the_policy_at_that_time(repository: Path) -> None:
    page = repository / VERSION_PAGE
    page.write_text(re.sub(r"\d+\s*\Z", "99\n", page.read_text(encoding="utf-8")), encoding="utf-8")
    old, new = bundles.load("one"), bundles.load("policies")
    assert new.version == re.sub(r"\d+$", "99", old.version)
    assert old.archive == bundles.packaged_bundle().archive


def test_a_bundle_file_a_directory_and_its_parent_are_one_policy(repository: Path) -> None:
    (repository / "b.tar.gz").write_bytes(bundles.packaged_bundle().archive)
    assert {bundles.load(name).archive for name in ("b.tar.gz", "policies", ".")} == {bundles.packaged_bundle().archive}


@pytest.mark.parametrize("name", ["two", "--output=made", "-h", "", "one:policies", "policies/therapy"])
def test_a_name_without_a_bundle_is_rejected_and_no_file_is_written(repository: Path, name: str) -> None:
    before = sorted(repository.rglob("*"))
    with pytest.raises(BundleNotUsable):
        bundles.load(name)
    assert sorted(repository.rglob("*")) == before


@pytest.mark.parametrize("name", ["2.0.4", "main", "old.tar.gz"])
@pytest.mark.parametrize("where", ["outside", "in another repository", "in the repository"])
def test_what_cannot_be_found_here_may_be_a_release_of_the_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    if where != "in the repository":
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        monkeypatch.chdir(elsewhere)
        if where == "in another repository":
            subprocess.run(["git", "init", "--quiet"], cwd=elsewhere, check=True)
    else:
        name = f"not-{name}"  # the branch may be `main`
    with pytest.raises(BundleNotUsable) as raised:
        bundles.load(name)
    message = str(raised.value)
    assert message.startswith(f"{name} is not a bundle file or a directory, and not a release")
    assert "only be named inside the repository of the policies, with its git history" in message
    assert message.endswith("A bundle file (.tar.gz) works everywhere.")


def test_a_file_that_is_not_a_bundle_is_rejected(repository: Path) -> None:
    with pytest.raises(BundleNotUsable, match="is not a bundle that OPA can use"):
        bundles.load(VERSION_PAGE)


def test_a_revision_with_findings_is_named_as_git_names_it(repository: Path) -> None:
    page = repository / "policies/therapy/parameters/data.yaml"
    page.write_text(page.read_text(encoding="utf-8").replace("treatment:", "treatmnt:"), encoding="utf-8")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "commit", "--quiet", "--all", "-m", "two"], cwd=repository, check=True)
    with pytest.raises(PolicyNotUsable, match=r"HEAD:policies/therapy/parameters/data\.yaml:\d+: `treatmnt`"):
        bundles.load("HEAD")


def test_a_policy_from_before_policies_were_checked_is_loaded(repository: Path) -> None:
    register = repository / "policies/therapy/register"
    for name in ("episode", "source"):
        shutil.rmtree(register / name)
    (repository / "policies/ceiling.yaml").unlink()
    (repository / VERSION_PAGE).write_text("version: 1.0.0\n", encoding="utf-8")
    for name, old, new in (
        ("reason_codes", "  applies_to: line", "  bears_on: line"),
        ("interpretations", "visible_in:", "rests_on:"),
    ):
        page = register / name / "data.yaml"
        page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert bundles.load("policies").version == "1.0.0"


def test_a_bundle_of_another_policy_is_rejected(repository: Path) -> None:
    shutil.rmtree(repository / "policies/therapy/register")
    with pytest.raises(BundleNotUsable):
        bundles.load("policies")


def test_an_opa_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opa = tmp_path / "opa"
    opa.write_text("#!/bin/sh\nexec sleep 100\n")
    opa.chmod(0o755)
    monkeypatch.setattr(rego, "opa_binary", lambda: opa)
    monkeypatch.setattr(rego, "OPA_SECONDS", 0.2)
    with pytest.raises(OpaNotAvailable, match=r"`opa build` did not finish within 0\.2 s and was stopped"):
        rego.run_opa("build", ".", where=tmp_path, name="policies")
