"""The real command, in its own process."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
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
    """Run the command to its end, with pipes; `changes` are changes of its environment."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=environment(**changes),
        timeout=seconds,
    )


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
