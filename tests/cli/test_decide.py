"""`therapy-policy decide`, and what all commands share: exit status, one-line errors, no traceback."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import COMMAND, EXAMPLES, ROOT, as_printed, environment, one_error, run, start
from tests.running import free_port
from therapy_policy import EmbeddedClient

if TYPE_CHECKING:
    from tests.running import RunningSidecar

COMMANDS = (
    "decide",
    "answer",
    "batch",
    "explain",
    "validate",
    "replay",
    "source-check",
    "diff",
    "review",
    "sign-off",
    "serve",
)
PRIVATE = "Keanu-has-a-rare-condition"


def status_for(decision: bytes) -> int:
    return 1 if json.loads(decision)["outcome"] == "invalid_request" else 0


@pytest.mark.parametrize("name", ["pediatric_ot_claim", "pt_referral", "bad_request"])
def test_embedded_and_sidecar_print_the_same_bytes(name: str, client: EmbeddedClient, sidecar: RunningSidecar) -> None:
    path = EXAMPLES / f"{name}.json"
    embedded = run("decide", path)
    asked = run("decide", path, "--sidecar", sidecar.url)
    assert embedded.stdout == asked.stdout == as_printed(client.decide_text(path.read_bytes()))
    assert embedded.stderr == asked.stderr == b""
    assert embedded.returncode == asked.returncode == status_for(embedded.stdout)


def test_standard_input() -> None:
    path = EXAMPLES / "pt_visit.json"
    assert run("decide", "-", stdin=path.read_bytes()).stdout == run("decide", path).stdout != b""


@pytest.mark.parametrize("text", ["[]", "null", "4", '"pt_visit"', "{}"])
def test_json_that_is_not_a_request_is_decided_as_invalid(text: str) -> None:
    result = run("decide", "-", stdin=text.encode())
    assert result.returncode == 1
    assert json.loads(result.stdout)["outcome"] == "invalid_request"


def test_numbers_reach_the_engine_as_they_are_written() -> None:
    text = (EXAMPLES / "pt_visit.json").read_text(encoding="utf-8").replace('"units": 4', '"units": 4e0')
    result = run("decide", "-", stdin=text.encode())
    assert result.returncode == 1
    assert [reason["path"] for reason in json.loads(result.stdout)["reasons"]] == ["/visit/units"]


# --- Files without a request


NO_REQUESTS = {
    "empty": (b"", "line 1, column 1"),
    "cut off": (b'{\n  "request_type": "' + PRIVATE.encode(), "line 2, column"),
    "a comma too many": (b'{"diagnosis": "' + PRIVATE.encode() + b'",}', "line 1, column"),
    "bare words": (PRIVATE.encode(), "line 1, column 1"),
    "two values": (b'{} "' + PRIVATE.encode() + b'"', "line 1, column 4"),
    "not UTF-8": (PRIVATE.encode() + b"\xff", "UTF-8"),
    "NaN": (b'{"units": NaN}', "NaN"),
    "too deep": (b"[" * 5000 + b"]" * 5000, "nested"),
    "too large": (b'"' + PRIVATE.encode() * 50_000 + b'"', "1,048,576 bytes"),
}


@pytest.mark.parametrize(("content", "message"), NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_a_file_without_a_request_is_one_error_that_quotes_nothing(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(content)
    result = run("decide", path)
    error = one_error(result)
    assert result.returncode == 2
    assert message in error
    assert str(path) in error
    assert PRIVATE not in error


@pytest.mark.parametrize("command", ["explain", "validate"])
def test_a_file_without_a_request_for_every_command(command: str) -> None:
    result = run(command, "-", stdin=NO_REQUESTS["cut off"][0])
    error = one_error(result)
    assert result.returncode == 2
    assert "line 2, column" in error
    assert PRIVATE not in error


def test_an_error_names_standard_input() -> None:
    result = run("decide", "-", stdin=b"")
    assert result.returncode == 2
    assert "standard input" in one_error(result)


@pytest.mark.parametrize("command", ["decide", "explain", "validate"])
def test_unreadable_files(tmp_path: Path, command: str) -> None:
    missing = run(command, tmp_path / "missing.json")
    assert (missing.returncode, "No such file" in one_error(missing)) == (2, True)
    directory = run(command, tmp_path)
    assert (directory.returncode, "Is a directory" in one_error(directory)) == (2, True)


def test_endless_input_is_not_read_to_its_end() -> None:
    with open("/dev/zero", "rb") as endless:
        result = subprocess.run(
            [*COMMAND, "decide", "-"], stdin=endless, capture_output=True, env=environment(), cwd=ROOT, timeout=20
        )
    assert (result.returncode, "1,048,576 bytes" in one_error(result)) == (2, True)


# --- Engines that do not answer


def test_no_sidecar() -> None:
    result = run("decide", EXAMPLES / "pt_visit.json", "--sidecar", f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 3
    assert result.stdout == b""
    assert result.stderr.startswith(b"error: ")
    assert b"Traceback" not in result.stderr


def test_an_invalid_url_is_a_usage_error() -> None:
    result = run("decide", EXAMPLES / "pt_visit.json", "--sidecar", "not a URL")
    one_error(result)
    assert result.returncode == 2


@pytest.mark.parametrize("command", ["decide", "explain"])
def test_a_server_that_is_not_a_sidecar(command: str) -> None:
    class Junk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"result": {"outcome": "authorized"}}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Junk) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        result = run(command, EXAMPLES / "pt_visit.json", "--sidecar", url)
        server.shutdown()
    one_error(result)
    assert result.returncode == 3


def test_the_compiled_policy_is_missing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "python", tmp_path / "python", ignore=shutil.ignore_patterns("policy.wasm", "__pycache__"))
    result = run("decide", EXAMPLES / "pt_visit.json", cwd=tmp_path, PYTHONPATH=str(tmp_path / "python"))
    assert result.returncode == 3
    assert "Reinstall" in one_error(result)


def test_an_unexpected_error_shows_only_its_type() -> None:
    fault = (
        "import sys, therapy_policy.cli as cli, therapy_policy.client.decision as decision\n"
        f"def fail(*_): raise KeyError({PRIVATE!r})\n"
        "decision.checked_text = fail\n"
        f"sys.argv = ['therapy-policy', 'decide', {str(EXAMPLES / 'pt_visit.json')!r}]\n"
        "cli.main()\n"
    )
    result = subprocess.run([sys.executable, "-c", fault], capture_output=True, env=environment(), timeout=20)
    assert result.returncode == 3
    assert "KeyError" in one_error(result)
    assert PRIVATE not in one_error(result)


# --- Standard output


def test_a_reader_that_closed_the_pipe_is_not_an_error() -> None:
    for command in (["decide"], ["explain"]):
        process = start(*command, EXAMPLES / "bad_request.json")
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(timeout=20)
        assert errors == b""
        assert process.returncode == 141


def test_output_that_cannot_be_written() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*COMMAND, "decide", EXAMPLES / "pt_visit.json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=20,
        )
    assert result.returncode == 2
    assert result.stderr.startswith(b"error: No space left")
    assert result.stderr.count(b"\n") == 1


def test_an_ascii_terminal_gets_escapes_and_json_stays_utf_8() -> None:
    decided = run("decide", EXAMPLES / "pt_visit.json", PYTHONIOENCODING="ascii")
    assert "Monday–Friday" in decided.stdout.decode("utf-8")
    explained = run("explain", EXAMPLES / "pt_visit.json", PYTHONIOENCODING="ascii")
    assert explained.returncode == 0
    assert b"Monday\\u2013Friday" in explained.stdout
    explained.stdout.decode("ascii")


def test_ctrl_c_while_waiting_for_input() -> None:
    process = start("decide", "-")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, b"", b"")


# --- Usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing command"),
        (["aprove"], "No such command"),
        (["decide"], "FILE"),
        (["decide", "a.json", "b.json"], "b.json"),
        (["decide", "--nope", "a.json"], "--nope"),
        (["batch", "a.jsonl"], "--output"),
        (["serve", "--port", "0"], "--port"),
        (["serve", "--port", "http"], "--port"),
    ],
)
def test_usage_errors_are_one_line_that_refers_to_the_help(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert message in one_error(result)
    assert "--help" in one_error(result)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_status(command: str) -> None:
    result = run(command, "--help", COLUMNS="200")
    assert (result.returncode, result.stderr) == (0, b"")
    assert f"therapy-policy {command}" in result.stdout.decode().split("Example:")[1]
    assert b"Exit status:" in result.stdout
    assert b"\x1b" not in result.stdout


def test_help_names_every_command_and_loads_no_engine() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], "--help"], capture_output=True, env=environment(), timeout=20
    )
    assert result.returncode == 0
    assert all(command in result.stdout.decode() for command in COMMANDS)
    loaded = {line.split(b"|")[-1].strip().split(b".")[0] for line in result.stderr.splitlines()}
    assert b"typer" in loaded
    assert not loaded & {b"wasmtime", b"opapywasm", b"opa_client", b"requests", b"jsonschema", b"pooch"}


def test_version() -> None:
    result = run("--version")
    version = json.loads(run("decide", EXAMPLES / "pt_visit.json").stdout)["policy_version"]
    assert result.stdout.decode() == f"therapy-policy {metadata.version('therapy-policy')}, policy {version}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("decide", "FILE"),
        ("explain", "FILE"),
        ("validate", "FILE"),
        ("source-check", "FILE"),
        ("diff", "HEAD", "--quick", "--type", "referral_route"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_closed_standard_output_is_reported(arguments: tuple[str, ...]) -> None:
    named = [str(EXAMPLES / "referral_route.json") if each == "FILE" else each for each in arguments]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *named]
    done = subprocess.run(closed, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 2
    assert b"error: Standard output is closed" in done.stderr
