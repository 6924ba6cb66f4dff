"""Connections that died while they were idle cost a caller neither its decision nor its deadline."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.client.servers import AwaitedClient, ForgetfulNetwork, Misbehave
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.client import endpoint
from therapy_policy.errors import EngineNotAvailable

DEADLINE_SECONDS = 4.0
Start = Callable[[Misbehave], str]
Client = type[SidecarClient] | type[AwaitedClient]
BOTH = pytest.mark.parametrize("client_type", [SidecarClient, AwaitedClient])


@pytest.fixture
def network(sidecar: SidecarClient) -> Iterator[ForgetfulNetwork]:
    network = ForgetfulNetwork(sidecar._endpoint.port)
    yield network
    network.stop()


def with_connections(client: SidecarClient, count: int, visit: dict[str, Any]) -> None:
    """Make the client open that many connections, which are then idle."""
    with ThreadPoolExecutor(count) as threads:
        for decision in threads.map(client.decide, [visit] * count * 4):
            assert decision["outcome"] == "authorized"


def test_sixteen_forgotten_connections(network: ForgetfulNetwork, visit: dict[str, Any]) -> None:
    with SidecarClient(network.url, deadline_seconds=60) as client:
        with_connections(client, 16, visit)
        client._endpoint.deadline_seconds = DEADLINE_SECONDS
        assert network.connections > 4
        network.forget()
        time.sleep(2 * endpoint.TRUSTED_IDLE_SECONDS)
        for _ in range(16):
            assert client.decide(visit)["outcome"] == "authorized"
            # The first decision took one dead connection to get, and left no other dead one behind.
            assert len(client._idle._idle) == 1


@BOTH
def test_an_old_connection_is_not_used(
    client_type: Client,
    network: ForgetfulNetwork,
    visit: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "MAX_IDLE_SECONDS", 0.2)
    with client_type(network.url, deadline_seconds=30) as client:
        client.decide(visit)
        network.forget()
        time.sleep(0.3)
        start = time.monotonic()
        assert client.decide(visit)["outcome"] == "authorized"
        assert time.monotonic() - start < 10
    assert network.connections == 2


@BOTH
def test_a_batch_does_not_wait_for_a_connection_that_may_be_dead(
    client_type: Client, network: ForgetfulNetwork, visit: dict[str, Any]
) -> None:
    with client_type(network.url, deadline_seconds=30) as client:
        client.decide(visit)
        network.forget()
        time.sleep(2 * endpoint.TRUSTED_IDLE_SECONDS)
        start = time.monotonic()
        assert [each["outcome"] for each in client.decide_many([visit] * 3)] == ["authorized"] * 3
        assert time.monotonic() - start < 10


@BOTH
def test_a_forgotten_connection_that_was_just_used(
    client_type: Client, network: ForgetfulNetwork, visit: dict[str, Any]
) -> None:
    with client_type(network.url, deadline_seconds=DEADLINE_SECONDS) as client:
        client.decide(visit)
        network.forget()
        time.sleep(2 * endpoint.TRUSTED_IDLE_SECONDS)
        start = time.monotonic()
        assert client.decide(visit)["outcome"] == "authorized"
        assert time.monotonic() - start < DEADLINE_SECONDS


@BOTH
def test_a_server_that_closes_an_idle_connection_when_the_next_request_comes(
    client_type: Client,
    misbehaving: Start,
    embedded: EmbeddedClient,
    visit: dict[str, Any],
) -> None:
    content = json.dumps({"result": embedded.decide(visit)}).encode()
    bodies: list[bytes] = []
    answered: set[Any] = set()

    def once(handler: BaseHTTPRequestHandler) -> None:
        bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        if handler.client_address in answered:
            handler.close_connection = True
            return
        answered.add(handler.client_address)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    with client_type(misbehaving(once)) as client:
        for _ in range(3):
            assert client.decide(visit)["outcome"] == "authorized"
    assert len(bodies) == 5  # once over the first connection, then each time over a dead one and a new one
    assert len(set(bodies)) == 1


@BOTH
def test_a_sidecar_that_hangs_gets_a_request_at_most_twice(
    client_type: Client,
    misbehaving: Start,
    embedded: EmbeddedClient,
    visit: dict[str, Any],
) -> None:
    content = json.dumps({"result": embedded.decide(visit)}).encode()
    bodies: list[bytes] = []

    def only_first(handler: BaseHTTPRequestHandler) -> None:
        bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        if len(bodies) > 1:
            time.sleep(6)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    with client_type(misbehaving(only_first), deadline_seconds=2) as client:
        client.decide(visit)
        time.sleep(2 * endpoint.TRUSTED_IDLE_SECONDS)
        start = time.monotonic()
        with pytest.raises(EngineNotAvailable, match="within 2 s"):
            client.decide(visit)
        assert 1.8 < time.monotonic() - start < 4
    assert len(bodies) == 3
