"""What the tests of the clients share: both engines, and servers that misbehave on purpose."""

import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import therapy_policy
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.opa import find_opa

BUNDLE = Path(therapy_policy.__file__).parent / "bundle" / "bundle.tar.gz"


@pytest.fixture(scope="session")
def opa() -> Path:
    return find_opa()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@contextmanager
def running(opa: Path, port: int, *options: str) -> Iterator[SidecarClient]:
    """A client of an OPA that is ready, and is stopped at the end."""
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


@pytest.fixture(scope="session")
def sidecar(opa: Path) -> Iterator[SidecarClient]:
    with running(opa, free_port(), "--bundle", str(BUNDLE)) as client:
        yield client


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


Misbehave = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def misbehaving() -> Iterator[Callable[[Misbehave], str]]:
    """Starts a server that does the given thing with each POST, in a thread of its own, and returns its URL."""
    servers = []

    def start(misbehave: Misbehave) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                misbehave(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:  # a client that hangs up is what is tested
                pass

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.socket.close()  # and no more: the threads of those who never answer are not waited for


VISIT: dict[str, Any] = {
    "request_type": "pt_visit",
    "request_id": "a-1",
    "benefit_status": "covered",
    "service_date": "2026-03-02",
    "specialty": "none",
    "tier": "nonacute",
    "visit": {"number": 2, "kind": "treatment", "units": 4, "units_already_authorized": 0},
    "progress_note_number": 2,
    "prior_visits": {"evaluation": 1, "treatment": 0},
    "plan_of_care_complete": True,
    "discontinuation": {"goals_achieved": False, "meets_continuation_criteria": True},
}


@pytest.fixture
def visit() -> dict[str, Any]:
    """A request that is authorized as it stands."""
    copy: dict[str, Any] = json.loads(json.dumps(VISIT))
    return copy
