"""Run the sidecar: OPA with the bundle and the configuration that this package ships."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import closing
from importlib.resources import as_file, files

from therapy_policy.errors import PortInUse
from therapy_policy.files import packaged_file
from therapy_policy.toolchain.opa import find_opa

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 5


def serve(port: int, host: str = LOOPBACK) -> int:
    """Run the sidecar in the foreground until Ctrl-C or SIGTERM; return its exit status, 0 if it was stopped so.

    OPA's log, with one masked entry for each decision, goes to standard error. Raises `OpaNotAvailable` if there is
    no OPA, `PortInUse` if the port is taken.
    """
    opa = find_opa()
    refuse_port_in_use(port, host)
    shipped_config = files("therapy_policy") / "sidecar" / "config.yaml"
    with as_file(packaged_file("bundle.tar.gz")) as bundle, as_file(shipped_config) as config:
        command = [
            str(opa),
            "run",
            "--server",
            f"--addr={host}:{port}",
            "--authorization=basic",
            f"--config-file={config}",
            f"--shutdown-grace-period={SHUTDOWN_SECONDS}",
            "--skip-version-check",
            "--bundle",
            str(bundle),
        ]
        print(
            f"therapy-policy sidecar on http://{host}:{port} (Ctrl-C stops it)",
            file=sys.stderr,
            flush=True,
        )
        # A session of its own: Ctrl-C reaches this process alone, which then stops OPA once.
        process = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True)
        previous = {number: signal.signal(number, lambda *_: process.terminate()) for number in STOP_SIGNALS}
        try:
            status = process.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            if process.poll() is None:
                process.kill()
    return status


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def refuse_port_in_use(port: int, host: str) -> None:
    """Raise `PortInUse` if nothing can be bound to the port: OPA would say so in many lines."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"cannot listen on {host}:{port} ({error.strerror}); stop what listens there, or choose another --port"
            ) from None
