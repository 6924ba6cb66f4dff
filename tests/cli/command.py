"""The real command, in its own process."""

from __future__ import annotations

import json
import multiprocessing
import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMAND = [sys.executable, "-m", "therapy_policy.cli"]
SECONDS = 60.0

# Variables that change the output to a terminal, or set a proxy.
UNWANTED = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return kept | {"PYTHONPATH": str(ROOT / "python"), "TERM": "xterm-256color"} | changes


def run(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, seconds: float = SECONDS, **changes: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end, with pipes.

    The process is a fork of one that has imported the program (tests/cli/imported.py), because that takes longer than
    most commands. With `changes` of its environment it is a new interpreter, which reads them as it starts.
    """
    command = [*COMMAND, *map(str, arguments)]
    if changes:
        return subprocess.run(
            command, input=stdin, capture_output=True, cwd=cwd, env=environment(**changes), timeout=seconds
        )
    processes = forks()
    (standard_input, to_command), (output, standard_output), (errors, standard_error) = (
        processes.Pipe(duplex=False) for _ in range(3)
    )
    theirs = (standard_input, standard_output, standard_error)
    process = processes.Process(target=run_here, args=(arguments, cwd, environment(), theirs))
    process.start()
    for end in theirs:
        end.close()
    with ThreadPoolExecutor(3) as pool:
        pool.submit(write_all, to_command, stdin)
        written = [pool.submit(read_all, stream) for stream in (output, errors)]
        process.join(seconds)
        in_time = process.exitcode is not None
        if not in_time:
            process.kill()
            process.join()
    status = process.exitcode
    process.close()
    if status is None or not in_time:
        raise subprocess.TimeoutExpired(command, seconds)
    return subprocess.CompletedProcess(command, status, *(each.result() for each in written))


def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cli.imported"])
    return context


def write_all(stream: Connection, content: bytes) -> None:
    with open(os.dup(stream.fileno()), "wb") as file, stream, suppress(BrokenPipeError):
        file.write(content)


def read_all(stream: Connection) -> bytes:
    with open(os.dup(stream.fileno()), "rb") as file, stream:
        return file.read()


def run_here(
    arguments: tuple[str | Path, ...], cwd: Path, variables: dict[str, str], streams: tuple[Connection, ...]
) -> None:
    """Be the command: what this process is left with after `exec`, without the interpreter's start."""
    from therapy_policy import cli

    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = [COMMAND[-1], *map(str, arguments)]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    cli.main()


def start(*arguments: str | Path, **changes: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(**changes),
    )


def run_in_terminal(*arguments: str | Path, **changes: str) -> tuple[int, str]:
    """Run the command with a terminal for its output and errors; return its exit status and all of its output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=environment(**changes),
    ) as process:
        os.close(theirs)
        written = b""
        while select.select([ours], [], [], SECONDS)[0]:
            try:
                read = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody has the terminal open any more
                break
            if not read:
                break
            written += read
        os.close(ours)
    return process.returncode, written.decode()


def as_printed(decision: Mapping[str, Any]) -> bytes:
    return (json.dumps(decision, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def as_line(decision: Mapping[str, Any]) -> bytes:
    return (json.dumps(decision, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def one_error(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return the error that a command printed: one line, no traceback, and nothing on standard output."""
    assert result.stdout == b""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]
