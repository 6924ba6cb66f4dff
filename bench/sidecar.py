"""The sidecar: the processor time that OPA takes for one request, and what takes it.

It counts the threads of OPA alone, and everything that they do: HTTP, JSON, authorization, decision, mask, log, and
Go's collection of garbage.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.measure import WARM_UP, Figure, compared, in_turn, in_words, progress, table
from bench.requests import Request, different
from therapy_policy.sidecar.child import DEFAULTS, environment
from therapy_policy.sidecar.diagnostics import Connection
from therapy_policy.sidecar.serve import opa_command

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "python/therapy_policy/policy/packaged/sidecar.tar.gz"
CONFIGURATION = ROOT / "python/therapy_policy/sidecar/config.yaml"
AUTHORIZATION = ROOT / "policies/system/authz.rego"
START_SECONDS = 60.0
ANSWER_SECONDS = 60.0
BATCH = 1000

AIMS = {"approved visit": 1.8, "denied visit": 2.0, "referral": 2.0, "OT claim": 2.5, "extension": 3.0}

# The path of a decision, so that the shipped authorization opens it.
TRIVIAL = 'package therapy\n\ndecision := {"request_type": input.request_type}\n'

# Beside the bundle, and open. Each answer is small and of one kind, so that only evaluation differs.
PARTS = """\
package parts

open := true

nothing := count(input)

form := count([1 | data.therapy.request.well_formed])

rules := count(data.therapy.determination)

decision := count(data.therapy.decision)

mask := count(data.system.log.mask)
"""
SHARES = ("OPA itself", "form", "rules", "decision", "mask")


class Opa:
    """A running OPA, and one connection to it."""

    def __init__(self, process: subprocess.Popen[bytes], socket: Path) -> None:
        self._process = process
        self._connection = Connection(socket)
        self._connection.timeout = ANSWER_SECONDS

    def ask(self, path: str, value: object) -> dict[str, Any]:
        """Send a value as input to a rule, and return the answer."""
        body = json.dumps({"input": value})
        self._connection.request("POST", f"/v1/data/{path}", body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        if "result" not in answer:
            raise SystemExit(f"error: in the benchmark, OPA has no result for {path}: {answer}")
        return answer

    def seconds(self, path: str, value: object, requests: int) -> float:
        """The processor seconds for each of the given number of requests."""
        begun = self._processor_seconds()
        for _ in range(requests):
            self.ask(path, value)
        return (self._processor_seconds() - begun) / requests

    def _processor_seconds(self) -> float:
        """The processor time of all threads since the start. This is clock_getcpuclockid(3) of Linux."""
        return time.clock_gettime((~self._process.pid << 3) | 2)


def measure(
    opa: Path, scratch: Path, cases: Mapping[str, Request], rounds: int, requests: int
) -> tuple[list[Figure], str]:
    """Return the figures, and a table of what takes the time."""
    progress(f"the sidecar: {rounds} rounds of {requests} requests of each kind …")
    with ExitStack() as stack:
        run = partial(_running, opa, scratch, stack)
        shipped = run("shipped", CONFIGURATION, ["--bundle", str(BUNDLE)])
        without_mask = _without_mask(scratch)
        trivial = run("trivial", without_mask, ["--bundle", str(_trivial_bundle(scratch))])
        for request in cases.values():  # the first requests take longer
            shipped.seconds("therapy/decision", request, requests)
            trivial.seconds("therapy/decision", request, requests)
        parts = run("parts", _open(scratch), ["--bundle", str(BUNDLE), str(_parts_bundle(scratch))])
        calls: dict[tuple[str, str], Callable[[], float]] = {}
        for name, request in cases.items():
            calls[name, "shipped"] = partial(shipped.seconds, "therapy/decision", request, requests)
            calls[name, "trivial"] = partial(trivial.seconds, "therapy/decision", request, requests)
            calls |= _calls_of_parts(name, request, parts, max(1, requests // 2))
        times = in_turn(calls, rounds)
        batch = {"requests": different(cases["approved visit"], BATCH)}
        one_of_batch = statistics.median(shipped.seconds("therapy/decisions", batch, 1) for _ in range(rounds)) / BATCH
        figures = [
            compared(f"sidecar, {name}", times[name, "shipped"], "trivial rule", times[name, "trivial"], AIMS.get(name))
            for name in cases
        ]
        figures.append(
            compared(
                f"sidecar, approved visit in a batch of {BATCH:,}",
                one_of_batch,
                "a single one",
                times["approved visit", "shipped"],
            )
        )
    return figures, _shares(list(cases), times)


def _calls_of_parts(name: str, request: Request, opa: Opa, requests: int) -> dict[tuple[str, str], Callable[[], float]]:
    event = {"path": "therapy/decision", "input": request, "result": opa.ask("therapy/decision", request)["result"]}
    asked = {part: (f"parts/{part}", request) for part in ("nothing", "form", "rules", "decision")}
    asked |= {"nothing to mask": ("parts/nothing", event), "mask": ("parts/mask", event)}
    for path, value in asked.values():
        opa.seconds(path, value, WARM_UP)
    return {(name, part): partial(opa.seconds, path, value, requests) for part, (path, value) in asked.items()}


def _shares(names: Sequence[str], times: Mapping[tuple[str, str], float]) -> str:
    rows = []
    for name in names:
        parts = {
            "form": times[name, "form"] - times[name, "nothing"],
            "rules": times[name, "rules"] - times[name, "form"],
            "decision": times[name, "decision"] - times[name, "rules"],
            "mask": times[name, "mask"] - times[name, "nothing to mask"],
        }
        parts = {part: max(seconds, 0.0) for part, seconds in parts.items()}
        whole = times[name, "shipped"]
        parts = {"OPA itself": whole - sum(parts.values())} | parts
        rows.append(
            [name, in_words(whole), *(f"{in_words(parts[part])}, {parts[part] / whole:.0%}" for part in SHARES)]
        )
    return table(["request", "processor time", *SHARES], rows)


def _running(opa: Path, scratch: Path, stack: ExitStack, name: str, configuration: Path, policy: list[str]) -> Opa:
    socket = scratch / f"{name}.sock"
    settings = environment(os.environ)
    if name == "trivial":  # an OPA as one starts it oneself
        settings = {setting: value for setting, value in settings.items() if setting not in DEFAULTS}
    return stack.enter_context(running(opa_command(opa, socket, configuration, policy), socket, settings))


@contextmanager
def running(command: list[str], socket: Path, settings: Mapping[str, str]) -> Iterator[Opa]:
    """Run OPA as `serve` does, with its output into a pipe that is read."""
    process = subprocess.Popen(
        command, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout
    output = process.stdout.fileno()
    last = b""

    def read() -> None:
        nonlocal last
        while part := os.read(output, 1 << 20):
            last = part

    reader = threading.Thread(target=read)
    reader.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"error: OPA did not start for the benchmark: {last.decode()[-1000:]}")
            time.sleep(0.05)
        yield Opa(process, socket)
    finally:
        process.terminate()
        process.wait()
        reader.join()
        process.stdout.close()


def _configured(scratch: Path, name: str, changes: dict[str, Any]) -> Path:
    shipped = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    file = scratch / name
    file.write_text(yaml.safe_dump(shipped | changes), encoding="utf-8")
    return file


def _without_mask(scratch: Path) -> Path:
    return _configured(scratch, "without_mask.yaml", {"decision_logs": {"console": True}})


def _open(scratch: Path) -> Path:
    """Without a log, and open to everything."""
    return _configured(
        scratch, "open.yaml", {"decision_logs": {"console": False}, "default_authorization_decision": "/parts/open"}
    )


def _trivial_bundle(scratch: Path) -> Path:
    bundle = scratch / "trivial"
    bundle.mkdir()
    (bundle / "trivial.rego").write_text(TRIVIAL, encoding="utf-8")
    (bundle / "authz.rego").write_text(AUTHORIZATION.read_text(encoding="utf-8"), encoding="utf-8")
    return bundle


def _parts_bundle(scratch: Path) -> Path:
    bundle = scratch / "parts"
    bundle.mkdir()
    (bundle / "parts.rego").write_text(PARTS, encoding="utf-8")
    (bundle / ".manifest").write_text('{"roots": ["parts"]}', encoding="utf-8")
    return bundle
