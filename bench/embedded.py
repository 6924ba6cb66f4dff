"""The embedded engine: the time of one call of the client, and of one request of a batch, beside plain Python."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from opapywasm import OpaWasmPolicy

from bench.measure import WARM_UP, Figure, compared, in_turn, progress, seconds_of
from bench.requests import Request, different
from proof import oracle
from therapy_policy import EmbeddedClient

TRIVIAL = 'package trivial\n\nanswer := {"request_type": input.request_type}\n'
BATCH = 1000
# One call, over the trivial policy; one request of a batch, over the trivial policy; the same, over the oracle.
SINGLE_AIMS = {"approved visit": 1.3}
BATCH_AIMS = {"approved visit": 0.3}
ORACLE_AIMS = {"approved visit": 1.0, "OT claim": 1.0}


def measure(opa: Path, scratch: Path, cases: Mapping[str, Request], rounds: int, requests: int) -> list[Figure]:
    """Return the figures. The trivial policy gets the same requests, by the same engine library."""
    progress(f"the embedded engine: {requests} calls of each kind, {rounds} batches …")
    with EmbeddedClient() as client, closing(trivial_policy(opa, scratch)) as trivial:
        calls = {}
        for name, request in cases.items():
            calls[name, "trivial"] = partial(seconds_of, partial(trivial.evaluate, request))
            calls[name, "single"] = partial(seconds_of, partial(client.decide, request))
        in_turn(calls, min(WARM_UP, requests))
        times = in_turn(calls, requests)
        calls = {}
        for name, request in cases.items():
            many = different(request, BATCH)
            calls[name, "batch"] = partial(seconds_of, partial(client.decide_many, many))
            if name in ORACLE_AIMS:
                calls[name, "oracle"] = partial(seconds_of, partial(oracle.decide_many, {"requests": many}))
        times |= {name: seconds / BATCH for name, seconds in in_turn(calls, rounds).items()}
    figures = []
    for name in cases:
        base = times[name, "trivial"]
        figures.append(compared(single(name), times[name, "single"], "trivial policy", base, SINGLE_AIMS.get(name)))
    for name in cases:
        label, batch = batched(name), times[name, "batch"]
        figures.append(compared(label, batch, "trivial policy", times[name, "trivial"], BATCH_AIMS.get(name)))
        if name in ORACLE_AIMS:
            figures.append(compared(label, batch, "oracle, plain Python", times[name, "oracle"], ORACLE_AIMS[name]))
    return figures


def single(name: str) -> str:
    """What the table calls a single call."""
    return f"embedded, {name}"


def batched(name: str) -> str:
    """What the table calls a request of a batch."""
    return f"embedded, {name} in a batch of {BATCH:,}"


def trivial_policy(opa: Path, scratch: Path) -> OpaWasmPolicy:
    """Compile the trivial policy, and load it by the SDK as it comes."""
    rule, compiled, wasm = (scratch / f"trivial.{suffix}" for suffix in ("rego", "tar.gz", "wasm"))
    rule.write_text(TRIVIAL, encoding="utf-8")
    subprocess.run([opa, "build", "-t", "wasm", "-e", "trivial/answer", "-o", compiled, rule], check=True)
    with tarfile.open(compiled) as archive:
        member = archive.extractfile("/policy.wasm")
        assert member
        wasm.write_bytes(member.read())
    return OpaWasmPolicy.from_wasm_file(wasm)
