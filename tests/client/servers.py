"""Servers for the tests of the clients: a real OPA, and one that misbehaves."""

import http.server
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import therapy_policy
from therapy_policy import SidecarClient

BUNDLE = Path(therapy_policy.__file__).parent / "policy" / "packaged" / "bundle.tar.gz"


@contextmanager
def running(opa: Path, port: int, *options: str) -> Iterator[SidecarClient]:
    """Start OPA, yield a client for it once it is ready, and stop it at the end."""
    command = [str(opa), "run", "--server", f"--addr=127.0.0.1:{port}", "--log-level=error", *options]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        SidecarClient(f"http://127.0.0.1:{port}") as client,
    ):
        try:
            deadline = time.monotonic() + 20
            while not client.ready():
                assert process.poll() is None, "OPA ended"
                assert time.monotonic() < deadline, "OPA was not ready within 20 s"
                time.sleep(0.02)
            yield client
        finally:
            process.kill()


Misbehave = Callable[[BaseHTTPRequestHandler], None]


class MisbehavingServer(http.server.ThreadingHTTPServer):
    """Handles each POST with the given function, in its own thread."""

    def __init__(self, misbehave: Misbehave) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                misbehave(self)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        # The receive buffer is so small that the sender of a large request has to wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """Print nothing: the tests make clients hang up."""

    def stop(self) -> None:
        self.shutdown()
        self.socket.close()  # only this: do not wait for the threads of handlers that never answer
