"""`make bench`: what a decision costs, as ratios measured side by side in one run.

A time on one machine says little on another; a ratio to something trivial, measured alternately in the same run,
says what the policy itself costs. Prints a table on standard output, progress on standard error.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests
from opapywasm import OpaWasmPolicy

from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.toolchain.opa import find_opa

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python/therapy_policy"
TRIVIAL = 'package trivial\n\nanswer := {"request_type": input.request_type}\n'
REQUEST_TYPES = (
    "pediatric_ot_claim",
    "pt_referral",
    "pt_treatment_plan",
    "pt_visit",
    "pt_extension",
    "pt_continuation",
    "referral_route",
)
AIMS = {
    "sidecar, pt_visit": 2.5,
    "sidecar, pt_extension": 5.0,
    "embedded, pt_visit": 1.5,
}
BATCH = 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400, help="rounds of each measurement (default 400)")
    rounds = parser.parse_args().rounds
    examples = {name: json.loads((ROOT / f"examples/{name}.json").read_text()) for name in REQUEST_TYPES}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        trivial = Path(scratch) / "trivial.rego"
        trivial.write_text(TRIVIAL)
        opa = find_opa()
        rows += sidecar(opa, trivial, examples, rounds)
        rows += embedded(opa, trivial, examples, rounds)
    rows += start_up()
    print("| measured | median | against | ratio | aim |")
    print("| --- | --- | --- | --- | --- |")
    for name, seconds, against, ratio in rows:
        aim = f"< {AIMS[name]}" if name in AIMS else "–"
        print(f"| {name} | {in_words(seconds)} | {against} | {f'{ratio:.2f}' if ratio else '–'} | {aim} |")
    return 0


Row = tuple[str, float, str, float | None]


def in_words(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.1 else f"{seconds:.2f} s"


def progress(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def alternately(calls: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median seconds of each call, made in turn so that whatever else the machine does falls on all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(20):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(call())
    return {name: statistics.median(measured) for name, measured in times.items()}


def sidecar(opa: Path, trivial: Path, examples: dict[str, Any], rounds: int) -> list[Row]:
    progress(f"the sidecar's handler, {rounds} rounds …")
    with running_opa(opa, trivial) as url, requests.Session() as session:
        session.trust_env = False

        def handler(path: str, request: Any) -> Callable[[], float]:
            def call() -> float:
                answer = session.post(f"{url}/v1/data/{path}?metrics", json={"input": request}).json()
                assert "result" in answer
                return float(answer["metrics"]["timer_server_handler_ns"]) / 1e9

            return call

        calls = {"trivial": handler("trivial/answer", examples["pt_visit"])}
        calls |= {name: handler("therapy/decision", examples[name]) for name in REQUEST_TYPES}
        times = alternately(calls, rounds)
        with SidecarClient(url) as client:
            batch = once(lambda: client.decide_many([examples["pt_visit"]] * BATCH)) / BATCH
    base = times.pop("trivial")
    rows: list[Row] = [("sidecar, trivial rule", base, "–", None)]
    rows += [(f"sidecar, {name}", seconds, "trivial rule", seconds / base) for name, seconds in times.items()]
    return [*rows, (f"sidecar, pt_visit in a batch of {BATCH}", batch, "–", None)]


def embedded(opa: Path, trivial: Path, examples: dict[str, Any], rounds: int) -> list[Row]:
    progress(f"the embedded engine, {rounds} rounds …")
    compiled = trivial.with_name("trivial.tar.gz")
    subprocess.run([opa, "build", "-t", "wasm", "-e", "trivial/answer", "-o", compiled, trivial], check=True)
    subprocess.run(
        ["tar", "xzf", compiled, "-C", trivial.parent, "/policy.wasm"], check=True, stderr=subprocess.DEVNULL
    )
    bare = OpaWasmPolicy.from_wasm_file(trivial.with_name("policy.wasm"))
    with EmbeddedClient() as client:
        calls: dict[str, Callable[[], float]] = {"trivial": lambda: once(lambda: bare.evaluate(examples["pt_visit"]))}
        for name in REQUEST_TYPES:
            calls[name] = lambda request=examples[name]: once(lambda: client.decide(request))  # type: ignore[misc]
        times = alternately(calls, rounds)
        batches = [once(lambda: client.decide_many([examples["pt_visit"]] * BATCH)) / BATCH for _ in range(5)]
    bare.close()
    base = times.pop("trivial")
    rows: list[Row] = [("embedded, trivial policy", base, "–", None)]
    rows += [(f"embedded, {name}", seconds, "trivial policy", seconds / base) for name, seconds in times.items()]
    return [*rows, (f"embedded, pt_visit in a batch of {BATCH}", statistics.median(batches), "–", None)]


def start_up() -> list[Row]:
    progress("start-up …")
    program = "from therapy_policy import EmbeddedClient; EmbeddedClient().decide(None)"
    fresh = [once(lambda: subprocess.run([sys.executable, "-c", program], check=True)) for _ in range(5)]
    port = free_port()
    command = [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", str(port)]
    with SidecarClient(f"http://127.0.0.1:{port}") as client:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not client.ready():
                time.sleep(0.01)
            ready = time.perf_counter() - begun
        finally:
            process.terminate()
            process.wait()
    return [
        ("start-up, embedded: a new process to its first decision", statistics.median(fresh), "–", None),
        ("start-up, sidecar: serve until it is ready", ready, "–", None),
    ]


def once(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_opa(opa: Path, trivial: Path) -> Iterator[str]:
    """OPA as `serve` runs it, but open to the trivial rule beside the bundle."""
    port = free_port()
    command: list[str | Path] = [opa, "run", "--server", f"--addr=127.0.0.1:{port}"]
    command += ["--skip-version-check", f"--config-file={PACKAGE / 'sidecar/config.yaml'}"]
    command += ["--bundle", PACKAGE / "policy/packaged/bundle.tar.gz", trivial.parent]
    trivial.with_name(".manifest").write_text('{"roots": ["trivial"]}')
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        with SidecarClient(url) as client:
            deadline = time.monotonic() + 20
            while not client.ready():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("error: OPA did not start for the benchmark")
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
