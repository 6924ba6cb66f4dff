"""One real sidecar, started by the command."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from therapy_policy import SidecarClient
from therapy_policy.toolchain.opa import find_opa

START_SECONDS = 60.0


@dataclass(frozen=True)
class RunningSidecar:
    """A running sidecar: its URL, its log file, and its process."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def opa_reads_large_exponents() -> bool:
    """Whether the OPA of these tests reads a number such as 1e99999999. docs/engineers.md says what the others do."""
    version = subprocess.run([find_opa(), "version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return "Version: 1.21." in version


@contextlib.contextmanager
def running_sidecar(log: Path, *options: str, **variables: str) -> Iterator[RunningSidecar]:
    """`therapy-policy serve` on a free port, ready to answer; stopped by Ctrl-C afterwards.

    `variables` are added to the environment.
    """
    port = free_port()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", str(port), *options],
            stdout=stream,
            stderr=stream,
            env=os.environ | variables,
        )
    try:
        with SidecarClient(f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + START_SECONDS
            while not client.ready():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, f"no sidecar after {START_SECONDS} s: {log.read_text()}"
                time.sleep(0.05)
        yield RunningSidecar(f"http://127.0.0.1:{port}", log, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
