"""What the properties are tested on: both engines, and a count of what was compared."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from therapy_policy import EmbeddedClient
from therapy_policy.client.decision import Client


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture(scope="session", params=["embedded", "asking_sidecar"])
def engine(request: pytest.FixtureRequest) -> Client:
    """Each engine in turn."""
    client: Client = request.getfixturevalue(request.param)
    return client


@pytest.fixture(scope="session")
def requests_compared() -> Iterator[Counter[tuple[str, str]]]:
    """How many requests were compared, by test and engine.

    At the end they are added to the JSON lines of the file that THERAPY_PROOF_COUNTS names, if it is set. A difference
    is counted as one, and also fails its test.
    """
    compared: Counter[tuple[str, str]] = Counter()
    yield compared
    if name := os.environ.get("THERAPY_PROOF_COUNTS"):
        lines = [
            {"test": test, "engine": engine, "requests": count, "differences": compared[test, f"{engine}, different"]}
            for (test, engine), count in compared.items()
            if not engine.endswith(", different")
        ]
        with Path(name).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
