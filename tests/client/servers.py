"""Servers for the tests of the clients: a real OPA, one that misbehaves, and a network that loses connections."""

import asyncio
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self, TypeVar

import therapy_policy
from therapy_policy import Answered, AsyncSidecarClient, Decision, SidecarClient

BUNDLE = Path(therapy_policy.__file__).parent / "policy" / "packaged" / "sidecar.tar.gz"


@contextmanager
def running(opa: Path, port: int, *options: str) -> Iterator[SidecarClient]:
    """Start OPA, yield a client for it once it is ready, and stop it at the end."""
    command = [str(opa), "run", "--server", f"--addr=127.0.0.1:{port}", "--log-level=error", *options]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        SidecarClient(f"http://127.0.0.1:{port}", deadline_seconds=60) as client,
    ):
        try:
            deadline = time.monotonic() + 60
            while not client.ready():
                assert process.poll() is None, "OPA ended"
                assert time.monotonic() < deadline, "OPA was not ready within 60 s"
                time.sleep(0.02)
            yield client
        finally:
            process.kill()


Misbehave = Callable[[BaseHTTPRequestHandler], None]


class MisbehavingServer(http.server.ThreadingHTTPServer):
    """Handles each POST with the given function, in its own thread."""

    def __init__(self, misbehave: Misbehave, tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                misbehave(self)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        # The receive buffer is so small that the sender of a large request has to wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """Print nothing: the tests make clients hang up."""

    def stop(self) -> None:
        self.shutdown()
        self.socket.close()  # only this: do not wait for the threads of handlers that never answer


def reply(handler: BaseHTTPRequestHandler, result: object) -> None:
    """Answer a POST as OPA does."""
    content = json.dumps({"result": result}).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


Result = TypeVar("Result")


def run(awaited: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a thread of its own: the tests with a browser leave a loop running in the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, awaited).result()


class AwaitedClient:
    """An `AsyncSidecarClient` whose methods are awaited here, so that one test can try both clients."""

    def __init__(self, url: str, **options: Any) -> None:
        self._client = AsyncSidecarClient(url, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)  # see `run`

    def decide(self, request: object) -> Decision:
        return self._result(self._client.decide(request))

    def decide_text(self, text: str | bytes) -> Decision:
        return self._result(self._client.decide_text(text))

    def decide_many(self, requests: Iterable[object]) -> list[Decision]:
        return self._result(self._client.decide_many(requests))

    def answer(self, request: object) -> Answered:
        return self._result(self._client.answer(request))

    def answer_text(self, text: str | bytes) -> Answered:
        return self._result(self._client.answer_text(text))

    def answers(self, requests: Iterable[object]) -> list[Answered]:
        return self._result(self._client.answers(requests))

    def ready(self) -> bool:
        return self._result(self._client.ready())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._result(self._client.aclose())
        self._loop.close()
        self._thread.shutdown()

    def _result(self, awaited: Coroutine[Any, Any, Result]) -> Result:
        return self._thread.submit(self._loop.run_until_complete, awaited).result()


class ForgetfulNetwork:
    """Connects to a port, as a load balancer does; `forget` loses all connections so far without telling either end."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._sockets: list[socket.socket] = []
        self._forgotten: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._stopped = False
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        self._forgotten.update(self._sockets)

    def stop(self) -> None:
        self._stopped = True
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(near)
                far = socket.create_connection(self._to)
                self._sockets.append(far)
                if self._stopped:
                    self.stop()
                    return
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if one not in self._forgotten:
                    other.sendall(data)
        if one not in self._forgotten:
            other.close()
