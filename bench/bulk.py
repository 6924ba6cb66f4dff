"""`therapy-policy bulk`: how many requests a second it decides on all cores, its start included."""

from __future__ import annotations

import json
import math
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench.embedded import trivial_policy
from bench.measure import Figure, progress, seconds_of
from bench.requests import Request, example
from tools import sample_claims

ROOT = Path(__file__).resolve().parents[1]
SEED = 12
COMMAND = [sys.executable, "-m", "therapy_policy.cli", "bulk"]
ALL_DIFFERENT, OT_CLAIMS = "requests that all differ", "OT claims"
DIFFERENT, DIFFERENT_PROFILED, DIFFERENT_AIM = 60_000, 6_000, 20_000  # requests; per second
CLAIMS, CLAIMS_PROFILED, CLAIMS_AIM = 1_000_000, 200_000, 300_000
TIMES = 10  # the claims again, so that the start counts for little
LEAST_FOR_MEMORY, MOST_MIB = CLAIMS * TIMES, 2048
POLL_SECONDS = 0.2


def available() -> bool:
    """Return whether what the command needs is installed."""
    return all(map(find_spec, ("duckdb", "pyarrow")))


def measure(opa: Path, scratch: Path, share: float) -> list[Figure]:
    """Return the figures, for a share of the requests. Each is also a multiple of the trivial calls of one core."""
    if not available():
        progress("pyarrow and DuckDB are not installed, so bulk is left out: pip install therapy-policy[bulk]")
        return []
    with closing(trivial_policy(opa, scratch)) as policy:
        call = partial(policy.evaluate, example("pt_visit"))
        trivial = 1 / statistics.median(seconds_of(call) for _ in range(200))
    file = scratch / "bulk.jsonl"

    def run(name: str, size: int, aim: int) -> list[Figure]:
        progress(f"bulk: {size:,} {name} …")
        output, summary = scratch / "bulk.parquet", scratch / "summary.json"
        command = [*COMMAND, str(file), "--output", str(output), "--summary", str(summary)]
        peak = 0
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                peak = max(peak, _bytes_of_all(process.pid))
                time.sleep(POLL_SECONDS)
        rate = int(size / (time.perf_counter() - begun))
        if not output.is_file():  # the exit status is 1 if some claims are not valid
            raise SystemExit(f"error: {' '.join(command)} wrote nothing")
        output.unlink()
        questions = json.loads(summary.read_text(encoding="utf-8"))["questions"]
        label = f"bulk, {size:,} {name}; {questions:,} distinct questions"
        against = f"trivial policy, {trivial:,.0f}/s"
        figures = [Figure(label, f"{rate:,}/s", against, rate / trivial, f"≥ {aim:,}/s", rate >= aim)]
        if size >= LEAST_FOR_MEMORY and sys.platform == "linux":
            memory = f"bulk, {size:,} {name}, memory of all processes"
            used = math.ceil(peak / (1 << 20))
            figures.append(Figure(memory, f"{used:,} MiB", aim=f"≤ {MOST_MIB:,} MiB", reached=used <= MOST_MIB))
        return figures

    progress("bulk: writing the requests …")
    requests, claims = int(DIFFERENT * share), int(CLAIMS * share)
    file.write_text("".join(f"{json.dumps(request)}\n" for request in all_different(requests)), encoding="utf-8")
    figures = run(ALL_DIFFERENT, requests, DIFFERENT_AIM)
    with file.open("wb") as lines:
        subprocess.run([sys.executable, "-m", "tools.sample_claims", str(claims)], cwd=ROOT, stdout=lines, check=True)
    figures += run(OT_CLAIMS, claims, CLAIMS_AIM)
    _repeat(file)
    return figures + run(OT_CLAIMS, claims * TIMES, CLAIMS_AIM)


def sizes(name: str) -> tuple[int, int | None]:
    """Return the requests and the distinct questions that the name of a figure says, if it says them."""
    requests, *questions = (int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*(?= )", name))
    return requests, questions[0] if questions else None


def _repeat(file: Path) -> None:
    """Write the claims again and again into the file, each time with other ids."""
    once = file.read_bytes()
    with file.open("ab") as lines:
        for number in range(1, TIMES):
            lines.write(once.replace(b'"request_id": "OT-1-', b'"request_id": "OT-1%d-' % number))


def _bytes_of_all(process: int) -> int:
    """The memory of a process and those that it started; what they share counts once (Linux)."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended, or this is not Linux
        return 0
    proportional = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return 1024 * proportional + sum(_bytes_of_all(int(child)) for child in children)


def samples(share: float) -> dict[str, list[bytes]]:
    """Return fewer such lines of each kind, for a profile, by what the names of its figures contain."""
    requests = {
        ALL_DIFFERENT: all_different(int(DIFFERENT_PROFILED * share)),
        OT_CLAIMS: sample_claims.claims(int(CLAIMS_PROFILED * share)),
    }
    return {name: [json.dumps(request).encode() for request in each] for name, each in requests.items()}


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
