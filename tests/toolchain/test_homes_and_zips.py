"""The package where there is no home directory, no place to write, or only a zip file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, ROOT
from tests.cli.releases import VERSION
from tests.running import START_SECONDS, free_port
from therapy_policy import SidecarClient
from therapy_policy.toolchain.opa import find_opa

Preexec = Callable[[], None] | None

DECIDE = ("decide", str(EXAMPLES / "pt_visit.json"))

# Runs the command as a user whose id is not in the system's list of users.
WITHOUT_AN_ENTRY = """
import pwd, runpy
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
runpy.run_module("therapy_policy", run_name="__main__", alter_sys=True)
"""


def run(command: list[str], cwd: Path, env: dict[str, str], preexec: Preexec = None) -> tuple[int, str, str]:
    """Run Python with no other variables than these; return its status, its output and its errors.

    `preexec` runs in the new process before the command.
    """
    command = [sys.executable, *command]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, preexec_fn=preexec)
    return done.returncode, done.stdout, done.stderr


def nothing_can_be_written() -> None:
    """Make each write to a file of this process fail, as on a read-only file system. Pipes still work."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextmanager
def running(env: dict[str, str], preexec: Preexec = None) -> Iterator[SidecarClient]:
    """`therapy-policy serve` with no other variables than these, and a client of it."""
    port = free_port()
    command = [sys.executable, "-m", "therapy_policy", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, preexec_fn=preexec)
    try:
        with SidecarClient(f"http://127.0.0.1:{port}", deadline_seconds=60) as client:
            give_up = time.monotonic() + START_SECONDS
            while not client.ready():
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < give_up
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=20)


def decides(client: SidecarClient) -> bool:
    return client.decide({"request_type": "referral_route", "island": "oahu"})["outcome"] == "routed"


@pytest.fixture(scope="module")
def opa() -> str:
    return str(find_opa())


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The package in a zip file, as in a wheel: without entries for directories."""
    file = tmp_path_factory.mktemp("zipped") / "therapy_policy.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for directory in (ROOT / "python/therapy_policy", EXAMPLES):
            for path in directory.rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    place = Path("therapy_policy/examples") if directory == EXAMPLES else Path("therapy_policy")
                    archive.write(path, place / path.relative_to(directory))
    return str(file)


# --- homes


@pytest.mark.parametrize("starts", [["-m", "therapy_policy"], ["-c", WITHOUT_AN_ENTRY]], ids=["user", "no entry"])
def test_a_decision_needs_no_home(tmp_path: Path, starts: list[str]) -> None:
    status, output, errors = run([*starts, *DECIDE], tmp_path, {})
    assert (status, errors) == (0, "")
    assert '"outcome"' in output
    assert list(tmp_path.iterdir()) == []


def test_no_home_to_keep_an_opa_in_is_a_clear_error(tmp_path: Path) -> None:
    status, output, errors = run(["-c", WITHOUT_AN_ENTRY, "serve", "--port", str(free_port())], tmp_path, {"PATH": ""})
    assert (status, output) == (3, "")
    assert "this user has no home directory. Set HOME or XDG_CACHE_HOME." in errors
    assert "or set OPA=/path/to/opa" in errors
    assert "Unexpected" not in errors
    assert list(tmp_path.iterdir()) == []  # no directory named "~"


def test_no_home_to_keep_node_packages_in_is_a_clear_error(tmp_path: Path) -> None:
    graph = "from therapy_policy.toolchain.node import render_svg; render_svg('digraph {}')"
    program = WITHOUT_AN_ENTRY[: WITHOUT_AN_ENTRY.index("runpy.run_module")] + graph
    status, _, errors = run(["-c", program], tmp_path, {})
    assert status == 1
    assert "ReviewToolsNotAvailable: " in errors
    assert "this user has no home directory. Set HOME or XDG_CACHE_HOME." in errors


def test_the_sidecar_needs_no_home_where_there_is_an_opa(opa: str) -> None:
    with running({"OPA": opa}) as client:
        assert decides(client)


# --- nothing can be written


def test_a_decision_writes_nothing(tmp_path: Path) -> None:
    status, output, errors = run(["-m", "therapy_policy", *DECIDE], tmp_path, {}, nothing_can_be_written)
    assert (status, errors) == (0, "")
    assert '"outcome"' in output


def test_the_sidecar_writes_nothing(opa: str) -> None:
    with running({"OPA": opa, "HOME": "/nowhere"}, nothing_can_be_written) as client:
        assert decides(client)


def test_no_place_for_an_opa_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = ["-m", "therapy_policy", "serve", "--port", str(free_port())]
    status, _, errors = run(command, tmp_path, {"PATH": "", "HOME": str(tmp_path / "file")})
    assert status == 3
    assert f"Not a directory: '{tmp_path}/file" in errors
    assert "Traceback" not in errors


# --- a zip file


def test_the_commands_run_from_a_zip_file(zipped: str, tmp_path: Path) -> None:
    status, output, errors = run(["-m", "therapy_policy", *DECIDE], tmp_path, {"PYTHONPATH": zipped})
    assert (status, errors) == (0, "")
    assert '"outcome"' in output


def test_each_packaged_file_is_read_from_a_zip_file(zipped: str, tmp_path: Path) -> None:
    program = """
import therapy_policy
from therapy_policy import EmbeddedClient
from therapy_policy.change.diff import examples
from therapy_policy.policy.bundles import directory_of_records, packaged_bundle
from therapy_policy.review import site
from therapy_policy.review.figures import Figures
from therapy_policy.toolchain.node import render_svg

assert ".zip/" in therapy_policy.__file__
with EmbeddedClient() as client:
    print(len({client.decide(each)["outcome"] for each in examples().values()}))
print(packaged_bundle().version, directory_of_records(None))
print(Figures().number_of_tests > 100, *((site.HERE / name).is_file() for name in ("style.css", "scripts/try.js")))
print("svg" in render_svg("digraph {}"))
"""
    variables = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
    status, output, errors = run(["-c", program], tmp_path, variables | {"PYTHONPATH": zipped})
    assert (status, errors) == (0, "")
    different_outcomes, *rest = output.splitlines()
    assert int(different_outcomes) > 5
    assert rest == [f"{VERSION} None", "True True True", "True"]


def test_the_sidecar_runs_from_a_zip_file(zipped: str, opa: str) -> None:
    with running({"OPA": opa, "PYTHONPATH": zipped}) as client:
        assert decides(client)


def test_a_zip_file_without_a_place_to_unpack_the_bundle_is_a_clear_error(
    zipped: str, opa: str, tmp_path: Path
) -> None:
    command = ["-m", "therapy_policy", "serve", "--port", str(free_port())]
    status, _, errors = run(command, tmp_path, {"OPA": opa, "PYTHONPATH": zipped}, nothing_can_be_written)
    assert status == 2
    assert "error: No usable temporary directory found in" in errors
