"""`therapy-policy bulk`: how many requests a second it decides on all cores, its start included."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.embedded import trivial_policy
from bench.measure import Figure, progress, seconds_of
from bench.requests import Request, example
from proof.policy_in_force import POLICY

SEED = 12


class Load(NamedTuple):
    """A file of requests, and how many of them the command should decide in a second."""

    name: str
    requests: Iterator[Request]
    size: int
    aim: int


def measure(opa: Path, scratch: Path, *, scale: float = 1.0) -> list[Figure]:
    """Return the figures. Each is also a multiple of the calls of a trivial policy that one core makes in a second."""
    command = [sys.executable, "-m", "therapy_policy.cli", "bulk"]
    if subprocess.run([*command, "--help"], capture_output=True).returncode:
        progress("there is no command `therapy-policy bulk`, so it is left out")
        return []
    with closing(trivial_policy(opa, scratch)) as policy:
        call = partial(policy.evaluate, example("pt_visit"))
        trivial = 1 / statistics.median(seconds_of(call) for _ in range(200))
    loads = [
        Load("all different", all_different(count := int(60_000 * scale)), count, 20_000),
        Load("OT claims", ot_claims(count := int(1_000_000 * scale)), count, 300_000),
    ]
    return [figure(command, scratch, load, trivial) for load in loads]


def figure(command: list[str], scratch: Path, load: Load, trivial: float) -> Figure:
    progress(f"bulk: {load.size:,} requests, {load.name} …")
    source, output = scratch / "bulk.jsonl", scratch / "bulk.decided.jsonl"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(request, separators=(',', ':'))}\n" for request in load.requests)
    run = [*command, str(source), "--output", str(output)]
    seconds = seconds_of(lambda: subprocess.run(run, check=True, capture_output=True))
    output.unlink()
    rate = load.size / seconds
    return Figure(
        f"bulk, {load.size:,} requests, {load.name}",
        f"{rate:,.0f}/s",
        f"calls of the trivial policy, {trivial:,.0f}/s",
        rate / trivial,
        f"≥ {load.aim:,}/s",
        rate >= load.aim,
    )


def all_different(count: int) -> Iterator[Request]:
    """Visits and claims that the rules can tell apart."""
    numbers = random.Random(SEED)
    visit, claim, seen = example("pt_visit"), example("pediatric_ot_claim"), set[str]()
    while len(seen) < count:
        if numbers.random() < 0.5:
            prior = {"evaluation": numbers.randint(0, 99), "treatment": numbers.randint(0, 99)}
            asked = {"number": numbers.randint(1, 200), "kind": numbers.choice(["evaluation", "treatment"])}
            units = {"units": numbers.randint(1, 9), "units_already_authorized": numbers.randint(0, 9)}
            request = visit | {
                "prior_visits": prior,
                "visit": asked | units,
                "tier": numbers.choice(["acute", "nonacute"]),
            }
        else:
            lines = [
                {"procedure_code": str(numbers.randint(97000, 97999)), "units": numbers.randint(1, 9)}
                for _ in range(numbers.randint(1, 4))
            ]
            request = claim | {"service_lines": lines, "units_already_authorized": numbers.randint(0, 4)}
        if (text := json.dumps(request)) not in seen:
            seen.add(text)
            yield request | {"request_id": f"bench-{len(seen)}"}


def ot_claims(count: int) -> Iterator[Request]:
    """Claims of a year: mostly one to three lines with listed codes, and few units each."""
    numbers = random.Random(SEED)
    claim, listed = example("pediatric_ot_claim"), sorted(POLICY.on(None, "pediatric_ot", "procedure_codes"))
    for index in range(count):
        lines = [
            {"procedure_code": numbers.choice(listed), "units": numbers.choice((1, 1, 2, 2, 3, 4))}
            for _ in range(numbers.choice((1, 1, 2, 2, 3)))
        ]
        date = f"2026-{numbers.randint(1, 12):02}-{numbers.randint(1, 28):02}"
        yield claim | {"request_id": f"bench-{index}", "service_date": date, "service_lines": lines}
