"""The requests that take the longest to decide, found by `tests.client.worst_requests`, stay within the limits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.worst_requests import Engine, both_engines, kept, opa_of, request_types
from tests.running import running_sidecar
from therapy_policy import SidecarClient

# Of processor time, for half a second on two processors: OPA also collects garbage on the other one.
MOST_SECONDS = {"embedded": 0.5, "sidecar": 1.0}
MOST_BYTES = 50 << 20
MOST_BYTES_IN_OPA = 150 << 20  # of all together, between two collections of garbage; one alone takes at most 61 MB

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
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    with both_engines(tmp_path_factory.mktemp("worst")) as both:
        yield both


def test_there_are_some_of_each_type() -> None:
    for outcome in ("valid", "invalid"):
        assert {each for each, what, _ in kept() if what.startswith(f"{outcome},")} == set(request_types())


@pytest.mark.parametrize("name", ["embedded", "sidecar"])
def test_each_takes_little_processor_time(name: str, engines: dict[str, Engine]) -> None:
    for request_type, what, text in kept():
        taken, valid = engines[name].decide(text)
        assert taken < MOST_SECONDS[name], (request_type, what)
        assert valid == what.startswith("valid,")


def test_all_together_take_little_memory_in_opa(tmp_path: Path) -> None:
    # With Go's own setting, so that this is what the requests take, and not what `serve` lets lie.
    options = {"GOGC": "100"}
    with (
        running_sidecar(tmp_path / "log", **options) as sidecar,
        SidecarClient(sidecar.url, deadline_seconds=60) as client,
    ):
        client.decide(None)
        before = peak_bytes(opa_of(sidecar))
        for _, _, text in kept():
            client.decide_text(text)
        assert peak_bytes(opa_of(sidecar)) - before < MOST_BYTES_IN_OPA


def test_all_together_take_little_memory_embedded() -> None:
    done = subprocess.run([sys.executable, "-c", EMBEDDED_PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < MOST_BYTES


def peak_bytes(process: int) -> int:
    """Return the most memory that a process has had at any time (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
