"""What is installed is what was locked, and the same sources give the same wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, BUILD = PYPROJECT["project"], PYPROJECT["build-system"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"],
    "requirements-dev.lock": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
    "requirements-spark.lock": PROJECT["dependencies"]
    + [each for extra in ("bulk", "spark", "test-spark") for each in PROJECT["optional-dependencies"][extra]],
    "requirements-build.lock": BUILD["requires"],
}


def locked(name: str) -> dict[str, list[str]]:
    """The versions of each package in a lock file; several if they depend on the platform. Each has a checksum."""
    versions: dict[str, list[str]] = {}
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        entry = re.fullmatch(r"([a-z0-9-]+)==(\S+)( ; [^#]*?)?((?: +--hash=sha256:[0-9a-f]{64})+)", line)
        assert entry, line[:80]
        versions.setdefault(entry[1], []).append(entry[2])
    return versions


@pytest.mark.parametrize("name", LOCKS)
def test_each_dependency_is_locked_to_an_allowed_version(name: str) -> None:
    versions = locked(name)
    for requirement in map(Requirement, LOCKS[name]):
        if requirement.name == PROJECT["name"]:  # an extra that includes another one
            continue
        package = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert versions.get(package), f"run `make lock`: {package} is not in {name}"
        for version in versions[package]:
            assert requirement.specifier.contains(version), f"run `make lock`: {package} {version} in {name}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_the_package_has_the_same_versions_as_its_tests(name: str) -> None:
    for package, versions in locked(name).items():
        assert locked("requirements-dev.lock")[package] == versions


def test_spark_has_the_same_versions_of_what_it_shares_with_the_other_tests() -> None:
    others = locked("requirements-dev.lock")
    for package, versions in locked("requirements-spark.lock").items():
        assert others.get(package, versions) == versions


def test_the_same_sources_give_the_same_wheel(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("python", "examples", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        if (ROOT / name).is_dir():
            # Without the times of the files.
            shutil.copytree(
                ROOT / name, copy / name, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copyfile(ROOT / name, copy / name)
    wheels = []
    for source, output in ((ROOT, tmp_path / "1"), (copy, tmp_path / "2")):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
        (wheel,) = output.iterdir()
        wheels.append(wheel.read_bytes())
    assert wheels[0] == wheels[1]
