"""How long it takes from the start to the first decision."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from bench import bulk
from bench.measure import Figure, in_words, progress, seconds_of
from bench.requests import example
from therapy_policy import SidecarClient
from tools.ports import free_port


def measure(rounds: int) -> list[Figure]:
    """Return the figures."""
    progress("start-up …")
    program = "from therapy_policy import EmbeddedClient; EmbeddedClient().decide(None)"
    fresh = [seconds_of(lambda: subprocess.run([sys.executable, "-c", program], check=True)) for _ in range(rounds)]
    return [
        Figure("start-up, embedded: a new process to its first decision", in_words(statistics.median(fresh))),
        *([Figure("start-up, bulk: a run of one request", in_words(_one_in_bulk()))] if bulk.available() else []),
        Figure("start-up, sidecar: `serve` until it is ready", in_words(_until_ready())),
    ]


def _one_in_bulk() -> float:
    command = [*bulk.COMMAND, "-", "--output", "-"]
    request = json.dumps(example("pediatric_ot_claim")).encode()
    return seconds_of(lambda: subprocess.run(command, input=request, capture_output=True, check=True))


def _until_ready() -> float:
    port = free_port()
    command = [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", str(port)]
    with SidecarClient(f"http://127.0.0.1:{port}") as client:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not client.ready():
                if process.poll() is not None:
                    raise SystemExit("error: `therapy-policy serve` did not start for the benchmark")
                time.sleep(0.01)
            return time.perf_counter() - begun
        finally:
            process.terminate()
            process.wait()
