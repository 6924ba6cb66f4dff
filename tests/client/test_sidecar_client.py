"""The sidecar client, with a real OPA."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client.servers import BUNDLE, running
from tests.running import free_port
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.client import endpoint
from therapy_policy.errors import (
    EngineError,
    EngineNotAvailable,
    RequestNotJson,
    SidecarUrlInvalid,
)


def test_it_decides_as_the_embedded_policy_does(
    sidecar: SidecarClient, embedded: EmbeddedClient, visit: dict[str, Any]
) -> None:
    decision = sidecar.decide(visit)
    assert (decision["outcome"], decision["request_id"]) == ("authorized", "a-1")
    assert decision == embedded.decide(visit)
    assert sidecar.decide_text(json.dumps(visit).encode()) == decision
    requests: list[Any] = [visit, None, {"requests": []}, visit | {"x": 1}] * 300
    assert sidecar.decide_many(requests) == embedded.decide_many(requests)


def test_numbers_stay_as_they_are_written(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    text = json.dumps(visit)
    assert sidecar.decide_text(text.replace('"units": 4', '"units": 4.00'))["outcome"] == "authorized"
    assert sidecar.decide_text(text.replace('"units": 4', '"units": 4e0'))["outcome"] == "invalid_request"
    [decision] = sidecar.decide_texts([text.replace('"units": 4', '"units": 1e99999999')])
    assert [reason["path"] for reason in decision["reasons"]] == ["/visit/units"]


def test_nothing_can_be_smuggled_past_the_request(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    for text in ("null, " + json.dumps({"input": visit})[1:-1], 'null}{"input": null', "null} ", ""):
        with pytest.raises(RequestNotJson):
            sidecar.decide_text(text)


def test_each_thread_gets_its_own_decision(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    def decide(number: int) -> tuple[str | None, int]:
        decision = sidecar.decide(
            visit | {"request_id": str(number), "visit": visit["visit"] | {"units": number % 4 + 1}}
        )
        return decision["request_id"], decision["authorized"]["units"]

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(decide, range(400)))
    assert answers == [(str(number), number % 4 + 1) for number in range(400)]


watched: list[object] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        watched.append(arguments[1])


def test_a_connection_is_used_again(
    sidecar: SidecarClient, visit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_IDLE_SECONDS", "TRUSTED_IDLE_SECONDS"):  # a busy machine may pause longer than these
        monkeypatch.setattr(endpoint, name, 60.0)
    sys.addaudithook(_watch)
    with SidecarClient(sidecar._endpoint.url, deadline_seconds=60) as client:
        watched.clear()
        for _ in range(50):
            client.decide(visit)  # the answer comes whole
        client.decide_many([visit] * 100)  # in pieces
        client.decide(visit | {"request_id": "x" * 100_000})
        assert client.ready()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(client.decide, visit).result()
    assert len(watched) == 1


def test_a_sidecar_can_restart(opa: Path, visit: dict[str, Any]) -> None:
    port = free_port()
    with SidecarClient(f"http://localhost:{port}") as client:
        assert not client.ready()
        with pytest.raises(EngineNotAvailable, match="therapy-policy serve"):
            client.decide(visit)
        for _ in range(2):
            with running(opa, port, "--bundle", str(BUNDLE)):
                assert client.ready()
                assert client.decide(visit)["outcome"] == "authorized"
            assert not client.ready()
            with pytest.raises(EngineNotAvailable, match="therapy-policy serve"):
                client.decide(visit)


def test_an_opa_without_the_policy_authorizes_nothing(opa: Path, visit: dict[str, Any]) -> None:
    with running(opa, free_port(), "--set=server.decoding.max_length=2000") as client:
        with pytest.raises(EngineError, match="has not loaded the therapy policy"):
            client.decide(visit)
        with pytest.raises(EngineError, match="accepts bodies of 1,049,600 bytes"):
            client.decide(visit | {"request_id": "x" * 2000})


def test_a_policy_that_fails_authorizes_nothing(opa: Path, tmp_path: Path, visit: dict[str, Any]) -> None:
    policy = tmp_path / "policy.rego"
    policy.write_text("package therapy\ndecision := input\ndecision := 1 if input.request_id")
    with running(opa, free_port(), str(policy)) as client, pytest.raises(EngineError, match="HTTP 500, internal_error"):
        client.decide(visit)


def test_proxy_variables_of_the_environment_are_ignored(
    sidecar: SidecarClient, monkeypatch: pytest.MonkeyPatch, visit: dict[str, Any]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with SidecarClient(sidecar._endpoint.url) as client:
        assert client.decide(visit)["outcome"] == "authorized"


def test_close(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    with SidecarClient(sidecar._endpoint.url) as client:
        client.decide(visit)
    client.close()
    for ask in (lambda: client.decide(visit), lambda: client.decide_many([visit])):
        with pytest.raises(EngineNotAvailable, match="closed"):
            ask()
    assert not client.ready()


FORKED = """
import json, os, sys
from therapy_policy import EmbeddedClient, SidecarClient

visit = json.loads(sys.argv[2])
with SidecarClient(sys.argv[1], deadline_seconds=60) as sidecar, EmbeddedClient() as embedded:
    sidecar.decide(visit)
    embedded.decide(visit)
    parent = os.getpid()
    children = []
    for _ in range(3):
        if os.getpid() == parent and (child := os.fork()):
            children.append(child)
    for number in range(60):
        request_id = f"{os.getpid()}-{number}"
        for client in (sidecar, embedded):
            if client.decide(visit | {"request_id": request_id})["request_id"] != request_id:
                os._exit(1)
    if os.getpid() != parent:
        os._exit(0)
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_forked_processes_do_not_share_connections(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, sidecar._endpoint.url, json.dumps(visit)], timeout=240)
    assert done.returncode == 0


# --- URLs


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("unix:///run/opa.sock", "unix:///run/opa.sock"),
        ("http://127.0.0.1:8181", "http://127.0.0.1:8181"),
        ("http://LOCALHOST:8181/", "http://localhost:8181"),
        ("http://sidecar", "http://sidecar:80"),
        ("https://sidecar.example", "https://sidecar.example:443"),
        ("http://[::1]:8181", "http://[::1]:8181"),
    ],
)
def test_urls(url: str, meant: str) -> None:
    assert SidecarClient(url)._endpoint.url == meant


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8181",
        "localhost",
        "ftp://127.0.0.1",
        "http://",
        "http://:8181",
        "http://127.0.0.1:x",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:-1",
        "http://[::1",
        "http://a b",
        "http://user:password@127.0.0.1",
        "http://127.0.0.1/v1/data",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
        "file:///etc/passwd",
        "http://127.0.0.1\\@example.com",
        "unix://run/opa.sock",
        "unix:///",
        "unix:run/opa.sock",
        "unix:///run/opa.sock?x",
    ],
)
def test_a_url_that_cannot_be_a_sidecar_is_rejected(url: str) -> None:
    with pytest.raises(SidecarUrlInvalid, match=r"as in http://127\.0\.0\.1:8181") as raised:
        SidecarClient(url)
    assert "password" not in str(raised.value)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_a_time_to_wait(seconds: float) -> None:
    with pytest.raises(ValueError, match="deadline_seconds"):
        SidecarClient(deadline_seconds=seconds)


@pytest.mark.parametrize("url", ["http://" + "x" * 64 + ".example", "http://.."])
def test_a_host_that_is_not_there(url: str, visit: dict[str, Any]) -> None:
    with SidecarClient(url) as client, pytest.raises(EngineNotAvailable, match="No server answers"):
        client.decide(visit)


def test_a_sidecar_without_tls(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    with (
        SidecarClient(sidecar._endpoint.url.replace("http:", "https:")) as client,
        pytest.raises(EngineNotAvailable, match="uses TLS"),
    ):
        client.decide(visit)
