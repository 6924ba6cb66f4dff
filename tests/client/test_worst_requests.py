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
MOST_BYTES = 55_000_000
LARGEST_IN_OPA = ("pt_extension", "invalid, sidecar")
LARGEST_EMBEDDED = ("pt_treatment_plan invalid, embedded", "pt_extension invalid, sidecar")
MOST_BYTES_OF_ALL_IN_OPA = 150 << 20  # with the garbage between two collections

# A process of its own for each request, because the memory of an instance never shrinks. What the parent used does not
# count, so the figure is not that of getrusage.
EMBEDDED_PEAK = """
import sys
from pathlib import Path
from tests.client.test_worst_requests import peak_bytes
from tests.client.worst_requests import kept
from therapy_policy import EmbeddedClient

with EmbeddedClient() as client:
    client.decide(None)
    text = list(kept())[int(sys.argv[1])][2]
    before = peak_bytes("self")
    client.decide_text(text)
    print(peak_bytes("self") - before)
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


@pytest.mark.parametrize(
    ("gogc", "most", "alone"), [("100", MOST_BYTES_OF_ALL_IN_OPA, False), ("25", MOST_BYTES, True)]
)
def test_they_take_little_memory_in_opa(tmp_path: Path, gogc: str, most: int, alone: bool) -> None:
    """All together with Go's own setting; and the largest alone, with the garbage collected often."""
    texts = [text for request_type, what, text in kept() if not alone or (request_type, what) == LARGEST_IN_OPA]
    with (
        running_sidecar(tmp_path / "log", GOGC=gogc) as sidecar,
        SidecarClient(sidecar.url, deadline_seconds=60) as client,
    ):
        client.decide(None)
        before = peak_bytes(opa_of(sidecar))
        for text in texts:
            client.decide_text(text)
        assert 0 < peak_bytes(opa_of(sidecar)) - before < most


LARGEST = [
    number for number, (request_type, what, _) in enumerate(kept()) if f"{request_type} {what}" in LARGEST_EMBEDDED
]


@pytest.mark.parametrize("number", LARGEST)
def test_each_takes_little_memory_embedded(number: int) -> None:
    command = [sys.executable, "-c", EMBEDDED_PEAK, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < MOST_BYTES


def peak_bytes(process: int | str) -> int:
    """Return the most memory that a process has had at any time (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
