"""How much memory the sidecar as shipped takes: `serve`, OPA and nginx together, by load.

Each load is sent to a sidecar that has just started, so that no load finds memory that another one took. The sidecar
has all processors, because it decides more requests at a time with more of them.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from tools.soak.callers import Question
from tools.soak.load import read_results, send
from tools.soak.sidecar import Sidecar

SAMPLES_A_SECOND = 5
PAGES = ("therapy/decision", "therapy/decisions")


@dataclass(frozen=True)
class Load:
    """Connections that each send their next request after the last answer; 0 for a sidecar that nobody asks."""

    name: str
    connections: int
    batch: int  # requests in each; 1 for a request by itself


LOADS = (
    Load("none", 0, 0),
    Load("8 connections with single requests, without a pause", 8, 1),
    Load("8 connections with batches of 100", 8, 100),
    Load("1 connection with batches of 1,000", 1, 1000),
    Load("16 connections with batches of 1,000", 16, 1000),
)


@dataclass
class Memory:
    """The most memory that a load took, in bytes, and how its requests were answered."""

    load: Load
    all: int = 0  # of all processes together, as the sum of PSS
    opa: int = 0  # of OPA at that time
    answers: Counter[str] = field(default_factory=Counter)  # "200", "503" … or "late"


def memory_by_load(vegeta: Path, scratch: Path, questions: list[Question], seconds: float) -> Iterator[Memory]:
    """Measure each of `LOADS` for some seconds."""
    for number, load in enumerate(LOADS):
        sidecar = Sidecar(scratch, f"memory-{number}")
        sidecar.begin = None
        sidecar.start()
        memory = Memory(load)
        with sampled(sidecar, memory):
            if load.connections:
                memory.answers = answers_to(vegeta, sidecar, questions, scratch, load, seconds)
            else:
                time.sleep(seconds)
        sidecar.kill()  # what it still decides is of no use
        yield memory


def answers_to(
    vegeta: Path, sidecar: Sidecar, questions: list[Question], scratch: Path, load: Load, seconds: float
) -> Counter[str]:
    """Send a load, and return how many requests got which HTTP status in time."""
    asked = [question.request for question in questions]
    one = load.batch == 1
    inputs = asked if one else [{"requests": list(islice(cycle(asked), load.batch))}]
    url = f"{sidecar.url}/v1/data/{PAGES[not one]}"
    targets = [(url, json.dumps({"input": each}).encode()) for each in inputs]
    results = send(vegeta, targets, scratch, seconds, connections=load.connections)
    return Counter(str(result["code"] or "late") for result in read_results(vegeta, results))


@contextmanager
def sampled(sidecar: Sidecar, memory: Memory) -> Iterator[None]:
    """Note the most memory that a sidecar takes while this context lasts."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(1 / SAMPLES_A_SECOND):
            by_program = memory_of(sidecar.processes())
            if by_program.total() > memory.all:
                memory.all, memory.opa = by_program.total(), by_program["opa"]

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()


def memory_of(processes: list[int]) -> Counter[str]:
    """The bytes (PSS) of running processes, by the name of their program."""
    taken: Counter[str] = Counter()
    for process in processes:
        try:
            name = Path(f"/proc/{process}/comm").read_text().strip()
            (pss,) = (
                int(line.split()[1])
                for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
                if line.startswith("Pss:")
            )
        except (OSError, ValueError):
            continue  # it has ended
        taken[name] += pss * 1024
    return taken


def memory_table(measured: list[Memory]) -> str:
    """Return the table in deploy/README.md."""
    lines = [
        "| load | memory at most | of which OPA | decided | refused (503) | late |",
        "| --- |" + " --: |" * 5,
    ]
    for memory in measured:
        megabytes = [f"{number / 1e6:.0f} MB" for number in (memory.all, memory.opa)]
        answers = [str(memory.answers[name]) if memory.load.connections else "–" for name in ("200", "503", "late")]
        lines.append(f"| {memory.load.name} | {' | '.join([*megabytes, *answers])} |")
    return "\n".join(lines)
