"""Goes through classes of requests in pieces, in several processes, with progress on standard error."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from therapy_policy.classes.model import Block
from therapy_policy.client.decision import Client, Decision
from therapy_policy.errors import TherapyPolicyError

CHUNK = 500  # classes in one piece of work
SLICE = 500  # classes in the slice of a block, at most


@dataclass(frozen=True)
class Piece:
    """Some classes of a block, or (without a block) random classes, each by its number."""

    request_type: str
    block: int | None
    numbers: range


def stride(size: int) -> int:
    """The step from one class of a slice to the next: a prime, so that a slice has every value of a part."""
    least = -(-size // SLICE)
    return next(n for n in itertools.count(least) if n == 1 or all(n % divisor for divisor in range(2, n)))


def pieces(request_type: str, blocks: Sequence[Block], drawn: int, *, quick: bool = False) -> Iterator[Piece]:
    """All classes of each block, or (`quick`) a fixed slice of them, and `drawn` random classes."""
    for number, block in enumerate(blocks):
        every = range(0, block.size, stride(block.size) if quick else 1)
        for start in range(0, len(every), CHUNK):
            yield Piece(request_type, number, every[start : start + CHUNK])
    for start in range(0, drawn, CHUNK):
        yield Piece(request_type, None, range(drawn)[start : start + CHUNK])


Result = TypeVar("Result")


def decide_each(client: Client, requests: Sequence[Any]) -> Sequence[Decision | None]:
    """A decision on each request, or None where the engine returns none."""
    return each_or_none(client.decide_many, client.decide, requests)


def each_or_none(
    many: Callable[[Sequence[Any]], Sequence[Result]], one: Callable[[Any], Result], requests: Sequence[Any]
) -> Sequence[Result | None]:
    """What an engine returns for each request, or None where it fails: for all of them, or else for one at a time."""
    try:
        return many(requests)
    except TherapyPolicyError:
        return [one_or_none(one, request) for request in requests]


def one_or_none(one: Callable[[Any], Result], request: Any) -> Result | None:
    """What an engine returns for a request, or None where it fails."""
    try:
        return one(request)
    except TherapyPolicyError:
        return None


@contextmanager
def workers(
    processes: int, work: Callable[[Piece], Result], begin: Callable[..., None] | None = None, *with_these: Any
) -> Iterator[Callable[[Sequence[Piece]], Iterator[Result]]]:
    """A function that does `work` on pieces, in this many processes, each of which calls `begin` first."""
    if processes == 1:
        _begin(begin, with_these)
        yield lambda todo: map(work, todo)
        return
    # New processes: the engine has threads, which a fork would not copy.
    with multiprocessing.get_context("spawn").Pool(processes, _begin_in_process, (begin, with_these)) as pool:
        yield lambda todo: pool.imap_unordered(work, todo)


def _begin(begin: Callable[..., None] | None, with_these: tuple[Any, ...]) -> None:
    if begin:
        begin(*with_these)


def _begin_in_process(begin: Callable[..., None] | None, with_these: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the parent process handles Ctrl-C
    _begin(begin, with_these)


@contextmanager
def class_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar if standard error is a terminal, and a line for each finished request type if not."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:20}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, todo: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=todo)
            bar.update(tasks[name], completed=done)
            if done == todo and not console.is_terminal:
                print(f"{name}: done", file=sys.stderr, flush=True)

        yield report
