"""Fixtures that the tests of the clients share."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.servers import BUNDLE, Misbehave, MisbehavingServer, running
from tests.running import free_port
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.toolchain.opa import find_opa


@pytest.fixture(scope="session")
def opa() -> Path:
    return find_opa()


@pytest.fixture(scope="session")
def sidecar(opa: Path) -> Iterator[SidecarClient]:
    with running(opa, free_port(), "--bundle", str(BUNDLE)) as client:
        yield client


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture
def misbehaving() -> Iterator[Callable[..., str]]:
    """Return a function that starts a server, which handles each POST with the given function, and returns its URL."""
    servers = []

    def start(misbehave: Misbehave, tls: ssl.SSLContext | None = None) -> str:
        servers.append(MisbehavingServer(misbehave, tls))
        return servers[-1].url

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def visit() -> dict[str, Any]:
    """Return a request that is authorized."""
    return {
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
