"""Standard answers: each client gives them, refuses one that contradicts its decision, and says if there are none."""

import copy
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.client.servers import AwaitedClient, Misbehave, reply, run
from tests.running import running_sidecar
from therapy_policy import AsyncSidecarClient, EmbeddedClient, EngineError, RequestNotJson, SidecarClient
from therapy_policy.client.decision import ANSWER, checked_result, checked_results
from therapy_policy.client.request_text import RequestText, batches, request_text
from therapy_policy.policy.bundles import Bundle, load

EXAMPLES = Path(__file__).parents[2] / "examples"
CLAIM = json.loads((EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8"))
SECRET = "Xylophone"
WITHOUT_ANSWERS = r"decides by policy 2\.0\.4, but gives no standard answers\. They come with policy 2\.1\.0"
CLIENTS: list[Callable[..., Any]] = [SidecarClient, AwaitedClient]


def test_every_client_answers_alike(sidecar: SidecarClient, embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    requests: list[Any] = [visit, CLAIM, None, visit | {"specialty": "x"}]
    answers = [embedded.answer(request) for request in requests]
    assert [answered["answer"]["action"] for answered in answers] == ["A1", "A6", None, None]
    assert [answered["decision"] for answered in answers] == embedded.decide_many(requests)

    async def ask() -> None:
        async with AsyncSidecarClient(sidecar._endpoint.url, deadline_seconds=60) as client:
            assert [await client.answer(request) for request in requests] == answers
            assert await client.answer_text(json.dumps(visit)) == answers[0]
            assert await client.answers(requests) == answers

    run(ask())
    for client in (embedded, sidecar):
        assert [client.answer(request) for request in requests] == answers
        assert client.answer_text(json.dumps(visit).encode()) == answers[0]
        assert client.answers(requests * 300) == answers * 300
        with pytest.raises(RequestNotJson, match="Request 1,"):
            client.answers([None, {1: 2}])


# --- An answer that is not believed


@pytest.fixture(scope="module")
def answered(embedded: EmbeddedClient) -> tuple[RequestText, Any]:
    """The claim, of which a part is authorized, with its answer."""
    return request_text(CLAIM), embedded.answer(CLAIM)


def put(value: object, *path: str | int) -> Callable[[Any], None]:
    def change(answered: Any) -> None:
        place = answered
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (put("A1", "answer", "action"), "the action of its answer is not that of its outcome"),
        (put(None, "answer", "action"), "the action of its answer is not that of its outcome"),
        (put(5, "answer", "granted", "units"), "does not grant what it authorizes"),
        (put(1, "answer", "granted", "visits"), "does not grant what it authorizes"),
        (put([], "answer", "lines"), "service lines of its answer"),
        (put("A1", "answer", "lines", 1, "action"), "service lines of its answer"),
        (put(2, "answer", "lines", 1, "units_authorized"), "service lines of its answer"),
        (put("97110", "answer", "lines", 0, "procedure_code"), "service lines of its answer"),
        (put([], "answer", "reasons"), "reasons of its answer"),
        (put("A_CODE", "answer", "reasons", 0, "code"), "reasons of its answer"),
        (put(True, "answer", "human_reviewed"), "says that a person reviewed the request"),
        (put("A9", "answer", "action"), "field `answer/action` is not"),
        (put(1.0, "answer", "granted", "visits"), "field `answer/granted/visits` is not"),
        (put(SECRET, "answer", "reasons", 0, "documents"), "field `answer/reasons/0/documents` is not"),
        (put({"carc": SECRET}, "answer", "reasons", 0, "adjustment"), "field `answer/reasons/0/adjustment` is not"),
        (put(None, "answer"), "field `answer` is not"),
        (put(SECRET, "more"), "is not a decision with its standard answer"),
        (lambda answered: answered.pop("answer"), "is not a decision with its standard answer"),
        (lambda answered: answered.pop("decision"), "is not a therapy-policy decision"),
        (put("denied", "decision", "outcome"), "gives clauses for an approval"),
        (put("r-2", "decision", "request_id"), "a request with another ID"),
        (put(400, "decision", "authorized", "units"), "more units in one visit"),
    ],
)
def test_a_wrong_answer(change: Callable[[Any], None], match: str, answered: tuple[RequestText, Any]) -> None:
    request, right = answered
    wrong = copy.deepcopy(right)
    assert checked_result(ANSWER, wrong, request) == right
    change(wrong)
    [batch] = batches([request])
    for check in (
        lambda: checked_result(ANSWER, wrong, request),
        lambda: checked_results(ANSWER, [wrong], batch),
    ):
        with pytest.raises(EngineError, match=match) as raised:
            check()
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize("result", [None, True, 1, "A1", [], [1], {}, {"decision": {}}, {"answer": {}}])
def test_what_is_no_answer_at_all(result: object) -> None:
    with pytest.raises(EngineError, match="is not a therapy-policy decision"):
        checked_result(ANSWER, result, request_text(None))


def test_a_version_can_be_pinned(visit: dict[str, Any]) -> None:
    with EmbeddedClient(policy_version="0.9.0") as client:
        for ask in (lambda: client.answer(visit), lambda: client.answers([visit])):
            with pytest.raises(EngineError, match="another version of the policy"):
                ask()


# --- A policy without answers


@pytest.fixture(scope="module")
def earlier() -> Bundle:
    return load("2.0.4")


def test_an_earlier_policy_is_named(earlier: Bundle, visit: dict[str, Any]) -> None:
    with earlier.client() as client:
        assert client.decide(visit)["outcome"] == "authorized"
        for ask in (lambda: client.answer(visit | {"request_id": SECRET}), lambda: client.answers([visit, None])):
            with pytest.raises(EngineError, match=WITHOUT_ANSWERS) as raised:
                ask()
            assert raised.value.__cause__ is raised.value.__context__ is None


def test_a_sidecar_with_an_earlier_policy_is_named(earlier: Bundle, visit: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(earlier.archive)
    with running_sidecar(tmp_path / "log", "--bundle", str(tmp_path / "bundle.tar.gz")) as running:
        for make in CLIENTS:
            with make(running.url, deadline_seconds=60) as client:
                with pytest.raises(EngineError, match=WITHOUT_ANSWERS):
                    client.answer(visit)
                with pytest.raises(EngineError, match=WITHOUT_ANSWERS):
                    client.answers([visit, None])


class Server:
    """Answers like the real policy, and fails on requests with the mark. `paths` has what it was asked."""

    def __init__(self, client: EmbeddedClient, mark: str) -> None:
        self.paths: list[str] = []
        self._client = client
        self._mark = mark.encode()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.paths.append(handler.path.removeprefix("/v1/data/therapy/"))
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if self._mark in body:
            handler.send_error(500)
            return
        asked = json.loads(body)["input"]
        results: dict[str, Callable[[], object]] = {
            "decision": lambda: self._client.decide(asked),
            "answer": lambda: self._client.answer(asked),
            "answers": lambda: self._client.answers(asked["requests"]),
        }
        reply(handler, results[self.paths[-1]]())


@pytest.mark.parametrize("make", CLIENTS)
def test_a_request_that_the_engine_fails_on_costs_no_other_its_answer(
    make: Callable[..., Any],
    misbehaving: Callable[[Misbehave], str],
    embedded: EmbeddedClient,
    visit: dict[str, Any],
) -> None:
    requests = [visit | {"request_id": name} for name in ("a", "fails", "c")]
    server = Server(embedded, "fails")
    with make(misbehaving(server), deadline_seconds=60) as client:
        with pytest.raises(EngineError, match="HTTP 500") as raised:
            client.answer(requests[1])
        assert server.paths == ["answer", "answer"]  # the request, and then whether there are any answers
        with pytest.raises(EngineError, match="HTTP 500") as raised:
            client.answers(requests)
    assert raised.value.index == 1
    assert raised.value.decisions == [embedded.answer(requests[0]), None, embedded.answer(requests[2])]


@pytest.mark.parametrize("make", CLIENTS)
def test_an_engine_that_decides_nothing_is_asked_three_times(
    make: Callable[..., Any],
    misbehaving: Callable[[Misbehave], str],
    embedded: EmbeddedClient,
    visit: dict[str, Any],
) -> None:
    server = Server(embedded, "input")
    with make(misbehaving(server), deadline_seconds=60) as client, pytest.raises(EngineError, match="HTTP 500"):
        client.answer(visit)
    assert server.paths == ["answer", "answer", "decision"]
