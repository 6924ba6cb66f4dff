import re
import signal
import socket
from collections.abc import Iterator

import pytest
from command_line.command import start
from therapy_policy import EmbeddedClient


@pytest.fixture(scope="session")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def sidecar() -> Iterator[str]:
    """The URL of a sidecar that `therapy-policy serve` runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with start("serve", "--port", str(port)) as process:
        assert process.stderr is not None
        url = f"http://127.0.0.1:{port}"
        # Its own line, then those of OPA, which says so when it listens.
        for line in process.stderr:
            if re.search(rb"Server initialized|Initializing server", line):
                break
        _wait_until_ready(url)
        yield url
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def _wait_until_ready(url: str) -> None:
    import time

    from therapy_policy import SidecarClient

    deadline = time.monotonic() + 30
    with SidecarClient(url) as client:
        while not client.ready():
            assert time.monotonic() < deadline, "the sidecar is not ready"
            time.sleep(0.05)
