"""Find an OPA that this policy was proven on, or download or build it. Nothing else in the project does.

`find_opa` uses the OPA that `$OPA` names. If `$OPA` is not set, it uses the first that works of: `opa` on PATH, the
project's cache, a download of the official release, and a build from source with Go. The cache keeps the last two.

What is checked, and what that is worth:

- Every OPA must be one of `PROVEN_VERSIONS` and must evaluate a query with a random value in it. That keeps out other
  versions, wrappers that go wrong, and scripts that print a version. It does not keep out a program that somebody made
  to deceive: whoever can write to PATH or set `$OPA` can run anything as this user already.
- A download must match the checksum that the release publishes next to it. That detects damage, not a false release.
- A build must be of the module with the checksum in `PROVEN_VERSIONS`; go.py says what else is checked.
- The name of a directory in the cache is the SHA-256 of the OPA in it, which is computed again before each use. An OPA
  that changed is deleted and fetched again. Somebody who can write to the cache can also write that name.

`python -m therapy_policy.toolchain.opa` prints the path on stdout and its progress on stderr. It exits 3 if there is no
usable OPA.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pooch  # type: ignore[import-untyped]
from packaging.version import InvalidVersion, Version

from therapy_policy.errors import OpaNotAvailable
from therapy_policy.toolchain.fetching import (
    HEARTBEAT_S,
    ReportStep,
    Unusable,
    in_cache,
    keep,
    output_of,
    to_stderr,
    workplace,
)
from therapy_policy.toolchain.go import GoProgram, build

# The versions that pass every test of this policy, each with the checksum of its Go module. `make test` runs the tests
# on `PINNED_VERSION`, `make test-opas` on the others. To add a version, add it here and run both.
# docs/engineers.md says in what they differ, under "Over HTTP".
PROVEN_VERSIONS = {
    "1.21.3": "h1:dLKnsisFIuICZAWDvG3Us2k/TjGkxOCJ7fWINcnwKHM=",
    "1.21.4": "h1:zTVuy8yd8BM715t8WxMzAIkIX4w1x3MMHEv99IGUY2w=",
    "1.22.3": "h1:d46phjoHHFSl8F2bC8nT8wFxuGEvZRvs8FhYWFqsJ2w=",
}
PROVEN = "OPA {} or {}".format(", ".join([*PROVEN_VERSIONS][:-1]), [*PROVEN_VERSIONS][-1])

# With `any_version`, older versions are still rejected: GHSA-g2pf-6v5v-qcc8, and 1.20.0 compares numbers incorrectly.
MINIMUM_VERSION = Version("1.21.3")

# The version to download or build.
PINNED_VERSION = "1.21.3"
RELEASES = "https://github.com/open-policy-agent/opa/releases/download"
MODULE = "github.com/open-policy-agent/opa"

ASSETS = {
    ("Linux", "x86_64"): "opa_linux_amd64_static",
    ("Linux", "aarch64"): "opa_linux_arm64_static",
    ("Darwin", "x86_64"): "opa_darwin_amd64",
    ("Darwin", "arm64"): "opa_darwin_arm64_static",
    ("Windows", "AMD64"): "opa_windows_amd64.exe",
}

DOWNLOAD_TIMEOUT_S = 20.0  # without a connection or another byte; a slow download can take longer


def find_opa(progress: ReportStep = to_stderr, *, any_version: bool = False) -> Path:
    """Return the absolute path of an OPA that runs and is one of `PROVEN_VERSIONS`.

    With `any_version`, the OPA in `$OPA` or on PATH may be any version from `MINIMUM_VERSION` on. `progress` receives
    each step as one line, and a line every few seconds during a long step. A download takes seconds to minutes, a build
    one to several minutes. Either happens only once, because the cache keeps the result.

    Raises `OpaNotAvailable` if there is none; its message says what was tried and what to do. If `$OPA` is set, nothing
    else is tried: using a different OPA instead would be a silent surprise.
    """
    return _find_opa(progress, RELEASES, any_version=any_version)


def fetch_opa(version: str, progress: ReportStep = to_stderr) -> Path:
    """Return the absolute path of one of `PROVEN_VERSIONS` from the cache, a download or a build.

    Raises `OpaNotAvailable`.
    """
    return _first_usable(_ways_to_fetch(version, RELEASES, progress), progress)


def _find_opa(progress: ReportStep, releases: str, *, any_version: bool = False) -> Path:
    opa_variable = os.environ.get("OPA")
    if opa_variable:
        try:
            return _usable(_executable(opa_variable), progress, any_version=any_version)
        except Unusable as problem:
            raise OpaNotAvailable(
                f"The environment variable OPA is set but cannot be used: {problem}\n"
                f"Set OPA to the path of {PROVEN}, or unset it so that OPA is searched for."
            ) from problem
    ways = [
        lambda: _usable(_on_path(), progress, any_version=any_version),
        *_ways_to_fetch(PINNED_VERSION, releases, progress),
    ]
    return _first_usable(ways, progress)


def _ways_to_fetch(version: str, releases: str, progress: ReportStep) -> list[Callable[[], Path]]:
    return [
        lambda: _usable(in_cache("opa", version), progress),
        lambda: _usable(_download(version, f"{releases}/v{version}", progress), progress),
        lambda: _usable(_build(version, progress), progress),
    ]


def _first_usable(ways: list[Callable[[], Path]], progress: ReportStep) -> Path:
    problems = []
    for way in ways:
        try:
            return way()
        except (Unusable, OSError) as problem:
            progress(str(problem))
            problems.append(f"  - {problem}")
    raise OpaNotAvailable(
        f"No usable OPA ({PROVEN}) was found, downloaded or built:\n"
        + "\n".join(problems)
        + f"\nInstall {PROVEN} from https://www.openpolicyagent.org so that `opa` is on PATH, or set OPA=/path/to/opa."
    )


def _executable(name: str) -> Path:
    path = shutil.which(os.path.expanduser(name))
    if path is None:
        raise Unusable(f"{name} is not an executable file.")
    return Path(path)


def _on_path() -> Path:
    path = shutil.which("opa")
    if path is None:
        raise Unusable("There is no opa on PATH.")
    return Path(path)


def _usable(opa: Path, progress: ReportStep, *, any_version: bool = False) -> Path:
    version = _opa_version(opa)
    if str(version) not in PROVEN_VERSIONS:
        if not any_version:
            raise Unusable(
                f"{opa} is not used: it is OPA {version}, and this policy was not proven on it. Use {PROVEN}."
            )
        if version < MINIMUM_VERSION:
            raise Unusable(f"{opa} is not usable: it is OPA {version}; version {MINIMUM_VERSION} or later is required.")
        progress(
            f"Warning: this policy was not proven on OPA {version}. Its decisions may differ from those of {PROVEN}."
        )
    _check_evaluation(opa)
    # Absolute, but not resolved: a version manager's shim is a link that depends on its own name.
    opa = opa.absolute()
    progress(f"Using OPA {version}: {opa}")
    return opa


def _opa_version(opa: Path) -> Version:
    """Run `opa version` and return its version; raise `Unusable` if it has none."""
    match = re.search(r"^Version:\s*(\S{1,40})\s*$", _output_of_opa(opa, "version"), re.MULTILINE)
    if match is None:
        raise Unusable(f"{opa} is not usable: it does not print its version.")
    try:
        return Version(match[1])
    except InvalidVersion:
        raise Unusable(f"{opa} is not usable: its version, {match[1]}, cannot be compared.") from None


def _check_evaluation(opa: Path) -> None:
    """Raise `Unusable` unless a program that prints a version also evaluates a query."""
    text = secrets.token_hex(16)
    answer = _output_of_opa(opa, "eval", "--format=raw", f'crypto.sha256("{text}")')
    if answer.strip() != hashlib.sha256(text.encode()).hexdigest():
        raise Unusable(f"{opa} is not usable: it prints a version of OPA and does not evaluate Rego.")


def _output_of_opa(opa: Path, *arguments: str) -> str:
    return output_of([str(opa), *arguments], opa_environment())


def opa_environment() -> dict[str, str]:
    """Return the environment for a run of OPA to its end.

    It lacks OPA's own variables, such as OPA_CHECK_IGNORE, which can set any option. Unless the person has set GOGC,
    OPA collects garbage a quarter as often, which saves a third of the processor time of a run.
    """
    return {"GOGC": "400"} | {name: value for name, value in os.environ.items() if not name.startswith("OPA_")}


# --- the cache


def _keep(made: Path, version: str) -> Path:
    """Check that a new OPA is usable, then move it into the cache."""
    made.chmod(0o755)
    if str(_opa_version(made)) != version:
        raise Unusable(f"OPA {version} was expected, and it is OPA {_opa_version(made)}.")
    return keep(made, "opa", version)


# --- the official release


def _download(version: str, release_url: str, progress: ReportStep) -> Path:
    asset = ASSETS.get((platform.system(), platform.machine()))
    if asset is None:
        raise Unusable(f"OPA has no release for {platform.system()} on {platform.machine()}.")
    progress(f"Downloading OPA {version} from {release_url} …")
    # pooch would log each file, and hashes to copy.
    pooch.get_logger().setLevel("WARNING")
    with workplace() as work:
        sha256 = _published_sha256(f"{release_url}/{asset}.sha256", Path(work))
        downloader = pooch.HTTPDownloader(
            progressbar=_Heartbeat(progress), chunk_size=1 << 16, timeout=DOWNLOAD_TIMEOUT_S
        )
        try:
            made = pooch.retrieve(f"{release_url}/{asset}", f"sha256:{sha256}", asset, work, downloader=downloader)
        except ValueError as problem:
            raise Unusable(f"The download is rejected: {problem}") from None
        except OSError as problem:
            raise Unusable(_download_failure(f"{release_url}/{asset}", problem)) from None
        return _keep(Path(made), version)


def _published_sha256(url: str, work: Path) -> str:
    file = work / "sha256"
    try:
        pooch.HTTPDownloader(timeout=DOWNLOAD_TIMEOUT_S)(url, str(file), None)
    except OSError as problem:
        raise Unusable(_download_failure(url, problem)) from None
    checksum = re.match(r"[0-9a-f]{64}\b", file.read_text(errors="replace"))
    if checksum is None:
        raise Unusable(f"The download is rejected: {url} does not contain a checksum.")
    return checksum[0]


def _download_failure(url: str, problem: OSError) -> str:
    return f"{url} could not be downloaded ({problem.strerror or type(problem).__name__})."


class _Heartbeat:
    """A progress bar for pooch that prints a line every few seconds."""

    total = 0  # bytes; set by pooch, 0 if the server does not say

    def __init__(self, progress: ReportStep) -> None:
        self._progress = progress
        self._received = 0
        self._reported_at = time.monotonic()

    def update(self, received: int) -> None:
        self._received += received
        if time.monotonic() - self._reported_at >= HEARTBEAT_S:
            self._reported_at = time.monotonic()
            of_total = f" of {self.total / 1e6:.0f}" if self.total else ""
            self._progress(f"Still downloading: {self._received / 1e6:.0f}{of_total} MB")

    def reset(self) -> None:
        self._received = 0

    def close(self) -> None:
        pass


# --- a build from source


def _build(version: str, progress: ReportStep) -> Path:
    with workplace() as name:
        program = GoProgram("OPA", MODULE, MODULE, version, PROVEN_VERSIONS[version])
        return _keep(build(program, Path(name), progress), version)


def main() -> None:
    """Print the path of a usable OPA on stdout; exit 3 if there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m therapy_policy.toolchain.opa",
        description="Find OPA, or download or build it, and print its path.",
    )
    parser.add_argument("--version", choices=PROVEN_VERSIONS, help="fetch this version instead of any proven one")
    version = parser.parse_args().version
    # As an exception, a termination signal lets Python clean up before it exits.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(fetch_opa(version) if version else find_opa())
    except OpaNotAvailable as problem:
        to_stderr(str(problem))
        sys.exit(3)
    except KeyboardInterrupt:
        to_stderr("Stopped.")
        sys.exit(130)


if __name__ == "__main__":
    main()
