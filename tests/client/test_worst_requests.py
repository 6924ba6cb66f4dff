"""The requests that take the longest to decide, found by `tests.client.worst_requests`, stay within the limits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.worst_requests import kept, request_types, seconds
from tests.running import running_sidecar
from tests.sidecar.processes import child_named
from therapy_policy import EmbeddedClient, SidecarClient

MOST_SECONDS = 0.5
MOST_BYTES = 50 << 20

EMBEDDED_PEAK = """
import resource, sys
from tests.client.worst_requests import kept
from therapy_policy import EmbeddedClient

with EmbeddedClient() as client:
    client.decide(None)
    texts = [text for _, _, text in kept()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for text in texts:
        client.decide_text(text)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.fixture(scope="module")
def opa_and_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, SidecarClient]]:
    with running_sidecar(tmp_path_factory.mktemp("worst") / "log") as sidecar, SidecarClient(sidecar.url) as client:
        opa = child_named(sidecar.process.pid, "opa")
        assert opa
        yield opa, client


def test_there_are_some_of_each_type() -> None:
    for outcome in ("valid", "invalid"):
        assert {each for each, what, _ in kept() if what.startswith(f"{outcome},")} == set(request_types())


@pytest.mark.parametrize("engine", ["embedded", "sidecar"])
def test_each_is_decided_in_time(
    engine: str, embedded: EmbeddedClient, opa_and_client: tuple[int, SidecarClient]
) -> None:
    client = embedded if engine == "embedded" else opa_and_client[1]
    for request_type, what, text in kept():
        taken, valid = seconds(client, text)
        assert taken < MOST_SECONDS, (request_type, what)
        assert valid == what.startswith("valid,")


def test_all_together_take_little_memory_in_opa(opa_and_client: tuple[int, SidecarClient]) -> None:
    opa, client = opa_and_client
    client.decide(None)
    before = peak_bytes(opa)
    for _, _, text in kept():
        client.decide_text(text)
    assert peak_bytes(opa) - before < MOST_BYTES


def test_all_together_take_little_memory_embedded() -> None:
    done = subprocess.run([sys.executable, "-c", EMBEDDED_PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < MOST_BYTES


def peak_bytes(process: int) -> int:
    """Return the most memory that a process has had at any time (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
