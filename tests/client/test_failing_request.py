"""A request that the engine fails to decide costs no other request its decision.

No request is known that an engine fails to decide. So a server fails on marked ones, and passes the others on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run as run_command
from tests.client.servers import AwaitedClient, MisbehavingServer, reply
from therapy_policy import EmbeddedClient, EngineError, EngineNotAvailable, EngineTimeout, SidecarClient
from therapy_policy.bulk.batch import decide_lines
from therapy_policy.bulk.decision_log import LogPosition
from therapy_policy.bulk.replay import LoggedDecision, ReplayReport, compare_with_log

MARK = "fails"
CLIENTS = [SidecarClient, AwaitedClient]


class FailingServer:
    """Passes requests on to the sidecar, but fails on a body with the mark, and on every body when it is broken."""

    def __init__(self, client: EmbeddedClient, *, silent: bool = False) -> None:
        self.broken = False
        self.status = 500
        self.exchanges = 0
        self._client = client
        self._silent = silent
        self._end = threading.Event()
        self._server = MisbehavingServer(self._answer)
        self.url = self._server.url

    def stop(self) -> None:
        self._end.set()
        self._server.stop()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.exchanges += 1
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if self.broken or MARK.encode() in body:
            if self._silent:
                self._end.wait()
            return handler.send_error(self.status)
        asked = json.loads(body)["input"]
        many = handler.path.split("?")[0].endswith("/decisions")
        result: Any = self._client.decide_many(asked["requests"]) if many else self._client.decide(asked)
        return reply(handler, result)


@pytest.fixture
def failing(embedded: EmbeddedClient) -> Iterator[FailingServer]:
    server = FailingServer(embedded)
    yield server
    server.stop()


@pytest.fixture
def silent(embedded: EmbeddedClient) -> Iterator[FailingServer]:
    server = FailingServer(embedded, silent=True)
    yield server
    server.stop()


def requests_with_marks(visit: dict[str, Any], count: int, marked: set[int]) -> list[dict[str, Any]]:
    return [visit | {"request_id": f"{MARK}-{index}" if index in marked else f"r-{index}"} for index in range(count)]


@pytest.mark.parametrize("make", CLIENTS)
def test_the_others_are_decided(make: Callable[..., Any], failing: FailingServer, visit: dict[str, Any]) -> None:
    requests = requests_with_marks(visit, 1010, {3, 1005})  # in two batches
    with make(failing.url, deadline_seconds=60) as client, pytest.raises(EngineError) as failure:
        client.decide_many(requests)
    decisions = failure.value.decisions
    assert failure.value.index == 3
    assert decisions is not None
    assert [index for index, decision in enumerate(decisions) if decision is None] == [3, 1005]
    assert {decision["request_id"] for decision in decisions if decision} == {
        request["request_id"] for request in requests
    } - {f"{MARK}-3", f"{MARK}-1005"}
    assert MARK not in str(failure.value)


@pytest.mark.parametrize("make", CLIENTS)
def test_one_that_gets_no_answer_costs_two_deadlines(
    make: Callable[..., Any], silent: FailingServer, visit: dict[str, Any]
) -> None:
    with make(silent.url, deadline_seconds=1) as client, pytest.raises(EngineError) as failure:
        client.decide_many(requests_with_marks(visit, 5, {2}))
    assert [decision and decision["request_id"] for decision in failure.value.decisions or ()] == [
        "r-0",
        "r-1",
        None,
        "r-3",
        "r-4",
    ]


@pytest.mark.parametrize("make", CLIENTS)
def test_many_that_get_no_answer_cost_five_deadlines(
    make: Callable[..., Any], silent: FailingServer, visit: dict[str, Any]
) -> None:
    start = time.monotonic()
    with make(silent.url, deadline_seconds=0.5) as client, pytest.raises(EngineError) as failure:
        client.decide_many(requests_with_marks(visit, 100, set(range(2, 100))))
    assert time.monotonic() - start < 10  # one deadline for each would be 49 s
    assert failure.value.index == 2
    assert [decision and decision["request_id"] for decision in failure.value.decisions or ()] == [
        "r-0",
        "r-1",
        *[None] * 98,
    ]
    assert silent.exchanges <= 1 + 1 + 2 + 5  # the batch, the check that the engine works, two decisions, and failures


@pytest.mark.parametrize("make", CLIENTS)
def test_a_broken_engine_is_asked_only_twice(
    make: Callable[..., Any], failing: FailingServer, silent: FailingServer, visit: dict[str, Any]
) -> None:
    for server, error in ((failing, EngineError), (silent, EngineTimeout)):
        server.broken = True
        with make(server.url, deadline_seconds=1) as client, pytest.raises(error) as failure:
            client.decide_many(requests_with_marks(visit, 10, set()))
        assert getattr(failure.value, "decisions", None) is None
        assert server.exchanges == 2


@pytest.mark.parametrize("make", CLIENTS)
def test_without_an_engine_nothing_is_asked_again(make: Callable[..., Any], visit: dict[str, Any]) -> None:
    with make("http://127.0.0.1:1") as client, pytest.raises(EngineNotAvailable) as failure:
        client.decide_many([visit])
    assert not isinstance(failure.value, EngineTimeout)


@pytest.mark.parametrize(("status", "words"), [(500, "HTTP 500"), (413, "more bytes than the sidecar accepts")])
def test_batch_gives_such_a_request_a_line_of_its_own(
    status: int, words: str, failing: FailingServer, visit: dict[str, Any], tmp_path: Path
) -> None:
    failing.status = status
    requests, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps(request) for request in requests_with_marks(visit, 6, {4})]
    requests.write_text("\n".join([*lines[:2], "no JSON", *lines[2:]]) + "\n", encoding="utf-8")
    result = run_command("batch", requests, "--output", output, "--sidecar", failing.url)
    assert result.returncode == 3
    assert b"failed to decide 1 request (the first is line 6)" in result.stderr
    decided = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [line.get("request_id") for line in decided] == ["r-0", "r-1", None, "r-2", "r-3", None, "r-5"]
    assert decided[5].keys() == {"not_decided"}
    assert words in decided[5]["not_decided"]


def test_batch_ends_when_the_sidecar_accepts_nothing(
    failing: FailingServer, visit: dict[str, Any], tmp_path: Path
) -> None:
    failing.status, failing.broken = 413, True
    requests = tmp_path / "in.jsonl"
    requests.write_text(json.dumps(visit) + "\n", encoding="utf-8")
    result = run_command("batch", requests, "--output", tmp_path / "out.jsonl", "--sidecar", failing.url)
    assert result.returncode == 2
    assert b"more bytes than the sidecar accepts" in result.stderr
    assert failing.exchanges == 2


class FailingClient(EmbeddedClient):
    def _ask(self, entry_point: str, text: str) -> object:
        if MARK in text:
            raise EngineError("it took too long")
        return super()._ask(entry_point, text)


def test_the_embedded_engine_decides_the_other_lines() -> None:
    with FailingClient() as client:
        first, second = decide_lines(client, [b"{}", b'{"request_id": "fails"}'])
    assert "outcome" in first
    assert second == {"not_decided": "it took too long"}


def test_replay_counts_a_request_that_the_engine_fails_to_decide_now(visit: dict[str, Any]) -> None:
    requests = [json.dumps(request).encode() for request in requests_with_marks(visit, 2, {1})]
    report = ReplayReport("2.0.1")
    with FailingClient() as client:
        then = client.decide(visit)
        logged = [LoggedDecision(LogPosition(line), text, then) for line, text in enumerate(requests, 1)]
        compare_with_log(logged, client, report)
    assert any(
        "1  on a request that the engine fails to decide now (first: line 2)" in each for each in report.as_lines()
    )
