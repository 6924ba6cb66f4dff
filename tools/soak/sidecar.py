"""One sidecar as shipped: `therapy-policy serve --front`, its processes and its decision log."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from therapy_policy.toolchain.nginx import nginx_for_tests
from tools.ports import free_port
from tools.soak.cores import on_the_sidecars_cores

LONGEST_SECONDS = 120.0  # for a start or a stop: far more than it takes, even on a machine that is busy


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true.

    Raises `TimeoutError` after `LONGEST_SECONDS`.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


class Sidecar:
    """A sidecar on ports of its own, which can be stopped or killed and started again on the same ports."""

    def __init__(self, scratch: Path, name: str) -> None:
        self.log = scratch / f"{name}.log"
        self.command = [sys.executable, "-m", "therapy_policy.cli"]
        self.bundle: Path | None = None  # the packaged one
        self._read_bytes = 0  # of the log
        self._port, self._probes = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        command = [*self.command, "serve", "--front", "--port", str(self._port)]
        command += ["--diagnostics-port", str(self._probes)]
        if self.bundle:
            command += ["--bundle", str(self.bundle)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | {"NGINX": str(nginx_for_tests())},
                preexec_fn=on_the_sidecars_cores,
            )
        wait_until(lambda: self._process_ended() or self.ready())
        if self._process_ended():
            raise RuntimeError(f"the sidecar did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        """Stop it with SIGTERM, as a platform does; return its exit status."""
        assert self._process
        self._process.terminate()
        return self._process.wait(LONGEST_SECONDS)

    def kill(self) -> None:
        """Kill `serve` itself, and wait until nginx has ended with it."""
        assert self._process
        self._process.kill()
        self._process.wait(LONGEST_SECONDS)
        wait_until(lambda: not self._listens())

    def signal_opa(self, number: signal.Signals) -> None:
        assert self._process
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        (opa,) = (child for child in children if Path(f"/proc/{child}/comm").read_text() == "opa\n")
        os.kill(int(opa), number)

    def close(self) -> None:
        if not self._process_ended():
            self.stop()

    def _process_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _listens(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self._probes}/health/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def logged(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield the ID of each entry of the decision log, and its decisions, from where the last call of this ended."""
        with self.log.open("rb") as log:
            log.seek(self._read_bytes)
            for line in log:
                if not line.endswith(b"\n"):
                    return  # the rest follows
                self._read_bytes += len(line)
                entry = json.loads(line) if line.startswith(b"{") else {}
                if "result" in entry:  # there is none if the caller hung up while OPA decided
                    result = entry["result"]
                    yield entry["decision_id"], result if isinstance(result, list) else [result]
