"""Run the sidecar: OPA with the bundle and the configuration that this package ships."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path

from therapy_policy.errors import PortInUse
from therapy_policy.files import packaged_file
from therapy_policy.toolchain.opa import find_opa

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 5


def serve(port: int, archive: Path | None = None, host: str = LOOPBACK, *, any_opa: bool = False) -> int:
    """Run the sidecar in the foreground until Ctrl-C or SIGTERM; return OPA's exit status, 0 after one of these.

    `archive` is the file of another bundle than the one of this package; its caller has checked it. OPA's log, with one
    masked entry for each decision, goes to standard error. With `any_opa`, OPA may be a version that this policy
    was not proven on.

    Raises `OpaNotAvailable`, and `PortInUse` if the sidecar cannot listen on the port.
    """
    opa = find_opa(any_version=any_opa)
    check_port(port, host)
    shipped_config = files("therapy_policy") / "sidecar" / "config.yaml"
    with as_file(packaged_file("bundle.tar.gz")) as packaged, as_file(shipped_config) as config:
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
            str(archive or packaged),
        ]
        print(
            f"therapy-policy sidecar on http://{host}:{port} (Ctrl-C stops it)",
            file=sys.stderr,
            flush=True,
        )
        # OPA gets its own session, so that Ctrl-C reaches only this process, which then stops OPA once.
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


def check_port(port: int, host: str) -> None:
    """Raise `PortInUse` if the port cannot be used; OPA itself would report that in many lines."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"The sidecar cannot listen on {host}:{port} ({error.strerror}). "
                "Stop the program that uses the port, or choose another --port."
            ) from None
