"""Packaged files, names of files, and long runs."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import FrameType
from typing import Any

from therapy_policy.errors import Stopped


def packaged_file(name: str) -> Traversable:
    """Return a file of the compiled policy in this package: the bundle, its data, the WebAssembly, or the schema."""
    return resources.files("therapy_policy") / "policy" / "packaged" / name


def packaged_json(name: str) -> Any:
    """Return the content of a JSON file of the compiled policy in this package."""
    return json.loads(packaged_file(name).read_text(encoding="utf-8"))


def display_name(file: str) -> str:
    """Return the name of an input for messages: the file's name, or "standard input" for `-`."""
    return "standard input" if file == "-" else file


def from_here(path: Path) -> str:
    """Return a path for messages: relative to the current directory if it is inside, else as it is."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `Stopped`, and ignore further ones while the caller cleans up."""
    stopped = False
    # A signal that is already ignored, as under nohup, stays ignored.
    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(number)) != signal.SIG_IGN
    }

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        if not stopped:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def progress_bar(total_bytes: int | None, visible: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar with the decisions a second and the time left, if standard error is a terminal.

    Call the function that this yields with the number of bytes just read and of all lines decided so far.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    decisions = TextColumn("{task.fields[lines]:,} decisions, {task.fields[rate]:,.0f}/s")
    columns = (BarColumn(), DownloadColumn(), decisions, TimeRemainingColumn())
    disable = not (visible and console.is_terminal)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, disable=disable) as bar:
        task = bar.add_task("", total=total_bytes, lines=0, rate=0)

        def advance(bytes_read: int, lines: int) -> None:
            bar.update(task, advance=bytes_read, lines=lines, rate=lines / (bar.tasks[task].elapsed or 1))

        yield advance
