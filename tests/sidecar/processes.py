"""Processes and ports, as the kernel shows them (Linux)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
SECONDS = 120.0  # for anything to happen: far more than it takes, even on a machine that is busy


def children_of(pid: int) -> list[int]:
    """The process ids of the children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return sorted(int(child) for task in tasks for child in task.read_text().split())


def child_named(pid: int, name: str) -> int | None:
    """The child that runs a program with that name."""
    return next((child for child in children_of(pid) if state_and_name(child)[1] == name), None)


def state_and_name(pid: int) -> tuple[str, str]:
    """The state (Z: dead and not waited for) and the program; ("", "") if there is no such process."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return "", ""
    return rest.split()[0], name


def is_running(pid: int) -> bool:
    return state_and_name(pid)[0] not in ("", "Z", "X")


def wait_for(condition: Callable[[], T], seconds: float = SECONDS) -> T:
    """Wait until a condition is true, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return value
