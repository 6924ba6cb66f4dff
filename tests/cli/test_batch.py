"""`therapy-policy batch`: one decision per line, whatever the line; a resumed run gives the same output."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import (
    COMMAND,
    EXAMPLES,
    as_line,
    environment,
    one_error,
    run,
    run_in_terminal,
    start,
)
from tests.running import free_port
from therapy_policy import EmbeddedClient, FileNotUsable
from therapy_policy.bulk.batch import PartialOutput

if TYPE_CHECKING:
    from tests.running import RunningSidecar

CLAIMS = EXAMPLES / "claims.jsonl"
ROUTE = b'{"request_type": "referral_route", "island": "maui"}'


def decisions(client: EmbeddedClient, lines: list[bytes]) -> bytes:
    """Decide lines one by one, as the output must be; give b"null" for a line that is not JSON."""
    return b"".join(as_line(client.decide_text(line)) for line in lines)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 10,000 lines, for a run that takes a second or more."""
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    claims = CLAIMS.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(claims * (10_000 // len(claims) + 1)))
    return path


@pytest.fixture(scope="session")
def many_decided(many: Path) -> bytes:
    """Decide `many` without an interruption."""
    output = many.with_name("decided.jsonl")
    assert run("batch", many, "--output", output).returncode == 1
    return output.read_bytes()


def files_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


# --- Decisions


def test_every_line_is_decided_as_it_would_be_alone(tmp_path: Path, client: EmbeddedClient) -> None:
    result = run("batch", CLAIMS, "--output", tmp_path / "out.jsonl")
    lines = CLAIMS.read_bytes().splitlines()
    expected = decisions(client, [line if line.endswith(b"}") else b"null" for line in lines])
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    assert files_in(tmp_path) == {"out.jsonl"}
    assert result.returncode == 1

    counted = Counter(json.loads(line)["outcome"] for line in expected.splitlines())
    (summary,) = result.stderr.decode().splitlines()
    assert summary.startswith(f"{len(lines)} decisions")
    for outcome, count in counted.items():
        assert f" {count} {outcome}" in summary


def test_embedded_and_sidecar_write_the_same_bytes(tmp_path: Path, sidecar: RunningSidecar) -> None:
    embedded = run("batch", CLAIMS, "--output", "-")
    asked = run("batch", CLAIMS, "--output", "-", "--sidecar", sidecar.url)
    assert embedded.stdout == asked.stdout
    assert embedded.stdout.count(b"\n") == CLAIMS.read_bytes().count(b"\n")
    assert asked.returncode == embedded.returncode == 1


def test_lines_of_every_kind_get_one_decision_each(tmp_path: Path, client: EmbeddedClient) -> None:
    too_long = b'"' + b"x" * (1 << 20) + b'"'
    longest = ROUTE + b" " * ((1 << 20) - len(ROUTE))
    separators = '{"request_type": "referral_route", "island": "maui", "request_id": "a\u2028b\u0085c"}'.encode()
    lines = {
        ROUTE: ROUTE,
        b"": b"null",
        b"   ": b"null",
        ROUTE + b"\r": ROUTE,
        b"\r": b"null",
        b"not JSON": b"null",
        b"\xff": b"null",
        b"\x00": b"null",
        ROUTE + ROUTE: b"null",
        b'{"a": NaN}': b"null",
        b"[" * 5000: b"null",
        too_long: b"null",
        too_long * 3: b"null",
        longest: ROUTE,
        longest + b"\r": ROUTE,
        longest + b" ": b"null",
        separators: separators,
        b"[]": b"[]",
    }
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\n".join(lines))  # the last line has no line ending
    result = run("batch", source, "--output", "-")
    assert result.stdout == decisions(client, list(lines.values()))
    assert result.returncode == 1
    assert b"(the first invalid one is line 2)" in result.stderr

    source.write_bytes(b"\n".join(lines) + b"\n")
    assert run("batch", source, "--output", "-").stdout == result.stdout


def test_nothing_invalid_is_exit_0(tmp_path: Path) -> None:
    result = run("batch", "-", "--output", tmp_path / "out.jsonl", stdin=ROUTE + b"\n" + ROUTE)
    assert result.returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes().count(b'"outcome":"routed"') == 2
    assert result.stderr.decode().startswith("2 decisions: 2 routed")


def test_an_empty_file_has_no_decisions(tmp_path: Path) -> None:
    result = run("batch", "-", "--output", tmp_path / "out.jsonl")
    assert result.returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    assert result.stderr.decode().startswith("0 decisions")


def test_nothing_from_a_request_is_printed(tmp_path: Path) -> None:
    text = b'{"request_type": "pt_treatment_plan", "plan_of_care": {"diagnosis": "rare-condition"'
    result = run("batch", "-", "--output", "-", stdin=text + b"}\n" + text + b"}}\n")
    assert b"rare-condition" not in result.stdout + result.stderr


# --- Memory


def peak_kilobytes(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; return its peak memory."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss


def peak_of_batch(source: Path) -> int:
    with source.open("rb") as lines, open(os.devnull, "wb") as null:
        command = [*COMMAND, "batch", "-", "--output", "-"]
        process = subprocess.Popen(command, stdin=lines, stdout=null, stderr=null, env=environment())
    peak = peak_kilobytes(process)
    assert process.returncode == 1
    return peak


def test_memory_does_not_grow_with_the_input(tmp_path: Path, many: Path) -> None:
    few, twice_as_many = tmp_path / "few.jsonl", tmp_path / "twice.jsonl"
    few.write_bytes(b"".join(many.read_bytes().splitlines(keepends=True)[:2000]))
    twice_as_many.write_bytes(many.read_bytes() * 2)
    assert peak_of_batch(twice_as_many) < peak_of_batch(few) + 10_000


def test_memory_does_not_grow_with_a_line(tmp_path: Path) -> None:
    short, long = tmp_path / "short.jsonl", tmp_path / "long.jsonl"
    short.write_bytes(b"x" * (2 << 20))
    long.write_bytes(b"x" * (200 << 20))
    assert peak_of_batch(long) < peak_of_batch(short) + 10_000


# --- Interrupted and resumed


def stop_in_the_middle(process: subprocess.Popen[bytes], partial: Path, number: signal.Signals) -> bytes:
    """Send a signal once something is decided; return the standard error of the command."""
    deadline = time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size > 100_000):
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    return errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_then_resumed(
    tmp_path: Path, many: Path, many_decided: bytes, number: signal.Signals, status: int
) -> None:
    output, partial = tmp_path / "a name.jsonl", tmp_path / "a name.jsonl.partial"
    process = start("batch", many, "--output", output)
    errors = stop_in_the_middle(process, partial, number).decode()
    assert process.returncode == status
    assert files_in(tmp_path) == {partial.name, f"{partial.name}.json"}
    kept = partial.read_bytes()
    assert kept.endswith(b"\n")
    assert many_decided.startswith(kept)
    assert len(kept) < len(many_decided)
    kept_message, how_to_resume = errors.splitlines()
    assert kept_message.startswith(f"{kept.count(10):,} decisions are kept in {partial}")

    # The command that it printed.
    program, *arguments = shlex.split(how_to_resume.removeprefix("To resume, run: "))
    assert program == "therapy-policy"
    result = run(*arguments)
    assert result.returncode == 1
    assert output.read_bytes() == many_decided
    assert files_in(tmp_path) == {output.name}
    # The summary includes the lines before the interruption.
    assert f"{many_decided.count(10):,} decisions" in result.stderr.decode()


def test_killed_and_half_a_line_written(tmp_path: Path, many: Path, many_decided: bytes) -> None:
    output, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    process = start("batch", many, "--output", output)
    stop_in_the_middle(process, partial, signal.SIGKILL)
    kept = partial.read_bytes()
    partial.write_bytes(kept[:-10] + b"\x00" * 20)
    assert run("batch", many, "--output", output, "--resume").returncode == 1
    assert output.read_bytes() == many_decided


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """Write the input and the unfinished output of a run that was interrupted after two lines."""
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(ROUTE + b"\n" + ROUTE + b"\n" + ROUTE + b"\n")
    first_two = b"".join(run("batch", source, "--output", "-").stdout.splitlines(keepends=True)[:2])
    about = source.stat()
    (tmp_path / "out.jsonl.partial").write_bytes(first_two)
    note = {"input_bytes": about.st_size, "input_modified_ns": about.st_mtime_ns}
    (tmp_path / "out.jsonl.partial.json").write_text(json.dumps(note))
    assert not output.exists()
    return source


def test_an_unfinished_run_is_not_overwritten(stopped: Path) -> None:
    output = stopped.with_name("out.jsonl")
    before = {path: path.read_bytes() for path in stopped.parent.iterdir()}
    result = run("batch", stopped, "--output", output)
    assert result.returncode == 2
    assert "--resume" in one_error(result)
    assert {path: path.read_bytes() for path in stopped.parent.iterdir()} == before

    assert run("batch", stopped, "--output", output, "--force").returncode == 0
    assert output.read_bytes().count(b"\n") == 3
    assert files_in(stopped.parent) == {"in.jsonl", "out.jsonl"}


def test_another_input_is_not_gone_on_with(stopped: Path) -> None:
    before = stopped.with_name("out.jsonl.partial").read_bytes()
    stopped.write_bytes(b"[]\n" + stopped.read_bytes())
    result = run("batch", stopped, "--output", stopped.with_name("out.jsonl"), "--resume")
    assert result.returncode == 2
    assert "has changed" in one_error(result)
    assert stopped.with_name("out.jsonl.partial").read_bytes() == before


def test_another_policy_is_not_gone_on_with(stopped: Path) -> None:
    partial = stopped.with_name("out.jsonl.partial")
    older = json.loads(partial.read_bytes().splitlines()[0]) | {"policy_version": "0.9.0"}
    partial.write_bytes(as_line(older) * 2)
    result = run("batch", stopped, "--output", stopped.with_name("out.jsonl"), "--resume")
    assert result.returncode == 2
    assert "0.9.0" in result.stderr.decode().splitlines()[-1]
    assert not stopped.with_name("out.jsonl").exists()
    assert partial.read_bytes() == as_line(older) * 2


def test_two_runs_do_not_write_the_same_output(stopped: Path) -> None:
    with stopped.with_name("out.jsonl.partial").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for option in ("--resume", "--force"):
            result = run("batch", stopped, "--output", stopped.with_name("out.jsonl"), option)
            assert result.returncode == 2
            assert "Another run" in one_error(result)


def test_nothing_to_resume_starts_with_the_first_line(tmp_path: Path) -> None:
    result = run("batch", CLAIMS, "--output", tmp_path / "out.jsonl", "--resume")
    assert result.returncode == 1
    assert "first line" in result.stderr.decode().splitlines()[0]
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == CLAIMS.read_bytes().count(b"\n")


def test_standard_input_cannot_be_resumed(tmp_path: Path) -> None:
    output, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    process = start("batch", "-", "--output", output)
    assert process.stdin is not None
    process.stdin.write(ROUTE + b"\n")
    process.stdin.write((ROUTE + b"\n") * 2000)
    process.stdin.flush()
    errors = stop_in_the_middle(process, partial, signal.SIGINT)
    assert process.returncode == 130
    assert b"Standard input cannot be resumed" in errors
    result = run("batch", "-", "--output", output, "--resume", stdin=ROUTE)
    assert result.returncode == 2
    assert "--force" in one_error(result)


# --- Files that cannot be used


def test_an_existing_output_is_replaced_by_force_alone(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("what was there")
    result = run("batch", CLAIMS, "--output", output)
    assert result.returncode == 2
    assert "--force" in one_error(result)
    assert output.read_text() == "what was there"
    assert run("batch", CLAIMS, "--output", output, "--force").returncode == 1
    assert output.read_bytes().count(b"\n") == CLAIMS.read_bytes().count(b"\n")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(ROUTE)
    for arguments, message in (
        ((tmp_path / "missing.jsonl", "--output", tmp_path / "out.jsonl"), "No such file"),
        ((tmp_path, "--output", tmp_path / "out.jsonl"), "Is a directory"),
        ((source, "--output", tmp_path / "missing" / "out.jsonl"), "No such file"),
        ((source, "--output", tmp_path), "is not a file"),
        ((source, "--output", "/dev/null", "--force"), "is not a file"),
        ((source, "--output", source, "--force"), "the input itself"),
        ((source, "--output", "-", "--resume"), "cannot be resumed"),
    ):
        result = run("batch", *arguments)
        assert result.returncode == 2
        assert message in one_error(result)
    assert files_in(tmp_path) == {"in.jsonl"}
    assert source.read_bytes() == ROUTE


def test_no_engine_leaves_nothing_behind(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("batch", CLAIMS, "--output", tmp_path / "out.jsonl", "--sidecar", url)
    assert result.returncode == 3
    assert result.stderr.startswith(b"error: ")
    assert files_in(tmp_path) == set()


def test_an_engine_that_goes_away_leaves_a_run_to_resume(stopped: Path) -> None:
    output = stopped.with_name("out.jsonl")
    result = run("batch", stopped, "--output", output, "--resume", "--sidecar", f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 3
    assert b"2 decisions are kept in" in result.stderr
    assert run("batch", stopped, "--output", output, "--resume").returncode == 0
    assert output.read_bytes().count(b"\n") == 3


def test_a_reader_that_closed_the_pipe_is_not_an_error(many: Path) -> None:
    process = start("batch", many, "--output", "-")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"{")
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (141, b"")


# --- Progress


def test_progress_is_shown_in_a_terminal(tmp_path: Path) -> None:
    status, written = run_in_terminal("batch", CLAIMS, "--output", tmp_path / "out.jsonl", COLUMNS="100")
    assert status == 1
    size = CLAIMS.stat().st_size / 1000
    assert f"{size:.1f}/{size:.1f} kB" in written
    assert "240 decisions, " in written
    assert "\x1b[?25h" in written  # the cursor is back
    assert "240 decisions: " in written.splitlines()[-1]


def test_a_pipe_gets_the_summary_alone(tmp_path: Path) -> None:
    result = run("batch", CLAIMS, "--output", tmp_path / "out.jsonl")
    assert result.stderr.count(b"\n") == 1
    assert b"\x1b" not in result.stderr
    assert result.stdout == b""


def test_no_other_run_empties_what_is_about_to_get_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.jsonl"
    replace = os.replace

    def replace_beside_another_run(old: Path, new: Path) -> None:
        other = PartialOutput(output, "in.jsonl", {}, resume=False, force=True)
        with pytest.raises(FileNotUsable, match="Another run is writing"):
            other.__enter__()
        replace(old, new)

    monkeypatch.setattr(os, "replace", replace_beside_another_run)
    with PartialOutput(output, "in.jsonl", {}, resume=False, force=False) as partial:
        partial.write(b"{}\n")
        partial.finish()
    assert output.read_bytes() == b"{}\n"
    assert files_in(tmp_path) == {"out.jsonl"}


def test_a_run_that_started_before_another_one_finished_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.partial").write_bytes(b"{}\n")
    flock = fcntl.flock

    def flock_after_the_other_run(*arguments: Any) -> None:
        os.replace(tmp_path / "out.jsonl.partial", output)
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_other_run)
    late = PartialOutput(output, "in.jsonl", {}, resume=False, force=True)
    with pytest.raises(FileNotUsable, match="Another run has just finished"):
        late.__enter__()
    assert output.read_bytes() == b"{}\n"
