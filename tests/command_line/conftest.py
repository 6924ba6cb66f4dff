import subprocess
import time
from collections.abc import Iterator

import pytest
from command_line.command import COMMAND, environment, free_port
from therapy_policy import EmbeddedClient, SidecarClient


@pytest.fixture(scope="session")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture(scope="session")
def sidecar() -> Iterator[str]:
    """The URL of a sidecar that `therapy-policy serve` runs."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        try:
            deadline = time.monotonic() + 30
            with SidecarClient(url) as client:
                while not client.ready():
                    assert process.poll() is None, "the sidecar ended"
                    assert time.monotonic() < deadline, "the sidecar was not ready within 30 s"
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()
