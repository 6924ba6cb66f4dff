"""Servers that misbehave as OPA never does: the client takes no answer of theirs for a decision, nor waits too long."""

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.client.servers import AwaitedClient, Misbehave
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.client import async_sidecar, endpoint, transport
from therapy_policy.errors import EngineError, EngineNotAvailable, RequestTooLarge, TherapyPolicyError

DEADLINE_SECONDS = 0.4
Start = Callable[[Misbehave], str]
Client = type[SidecarClient] | type[AwaitedClient]


@pytest.fixture(params=[SidecarClient, AwaitedClient])
def client_type(request: pytest.FixtureRequest) -> Client:
    """Each of the two clients."""
    client: Client = request.param
    return client


SECRET = "Mrs. Kealoha fell"


def read(handler: BaseHTTPRequestHandler) -> bytes:
    return handler.rfile.read(int(handler.headers["Content-Length"]))


def says(content: bytes, status: int = 200, **headers: str) -> Misbehave:
    """Answer every request like this, and replace `%b` in it with the request."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = read(handler)
        answered = content.replace(b"%b", json.dumps(body.decode()).encode())
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(answered)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(answered)

    return answer


def raw(*pieces: bytes, every: float = 0.0, forever: bool = False) -> Misbehave:
    """Send raw pieces, one per `every` seconds, and hang up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        read(handler)
        handler.close_connection = True
        while True:
            for piece in pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
                time.sleep(every)
            if not forever:
                return

    return answer


def one_by_one(text: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in text]


def hangs(handler: BaseHTTPRequestHandler) -> None:
    read(handler)
    time.sleep(3)


def never_reads(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("misbehave", "match"),
    [
        (says(b"{}"), "has not loaded the therapy policy"),
        (says(b'{"warning": {"code": "api_usage_warning"}}'), "has not loaded the therapy policy"),
        (says(b'{"result": {}}'), "not a therapy-policy decision"),
        (says(b'{"result": null}'), "not a therapy-policy decision"),
        (says(b'{"result": true}'), "not a therapy-policy decision"),
        (says(b'{"result": [true]}'), "not a therapy-policy decision"),
        (says(b'{"result": %b}'), "not a therapy-policy decision"),
        (says(b'{"result": {"outcome": "authorized"}}'), "not a therapy-policy decision"),
        (says(b"<html>%b</html>"), "is not OPA"),
        (says(b""), "is not OPA"),
        (says(b'"%b"'), "is not OPA"),
        (says(b"[" * 100_000), "is not OPA"),
        (says(b'{"result": ' + b"1" * 5000 + b"}"), "is not OPA"),
        (says(b'{"result": "\xff"}'), "is not OPA"),
        (says(b'{"code": "internal_error", "message": %b}', 500), "HTTP 500, internal_error"),
        (says(b'{"code": %b, "message": %b}', 400), r"HTTP 400\)"),
        (says(b"%b", 403), r"HTTP 403\)"),
        (says(b'{"result": "x"}', 201), r"HTTP 201\)"),
        (says(b"", 204), r"HTTP 204\)"),
        (says(b"", 302, Location="http://127.0.0.1:1/"), "redirects"),
        (says(b"", 307, Location="http://127.0.0.1:1/"), "redirects"),
        (says(b"", 308, Location="/v1/data"), "redirects"),
        (says(b'{"result": 1}', Content_Encoding="gzip"), "not a therapy-policy decision"),
        (raw(), "not an HTTP server"),
        (raw(HEAD + b'Content-Length: 100\r\n\r\n{"result": '), "not an HTTP server"),
        (raw(HEAD + b'Transfer-Encoding: chunked\r\n\r\nb\r\n{"result": \r\n'), "not an HTTP server"),
        (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"), "not an HTTP server"),
        (raw(b"SSH-2.0-OpenSSH\r\n"), "not an HTTP server"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"), "not an HTTP server|is not OPA"),
        (raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 100_000), "not an HTTP server"),
    ],
)
def test_an_answer_that_is_not_a_decision(
    client_type: Client, misbehave: Misbehave, match: str, misbehaving: Start, visit: dict[str, Any]
) -> None:
    with client_type(misbehaving(misbehave)) as client:
        for ask in (client.decide, lambda request: client.decide_many([request])):
            with pytest.raises(EngineError) as raised:
                ask(visit | {"request_id": SECRET})
            assert SECRET not in repr(raised.value)
            assert raised.value.__cause__ is raised.value.__context__ is None
        with pytest.raises(EngineError, match=match):
            client.decide(visit)


def test_a_list_of_another_length(client_type: Client, misbehaving: Start, embedded: EmbeddedClient) -> None:
    answer = json.dumps({"result": embedded.decide_many([None, None])}).encode()
    with client_type(misbehaving(says(answer))) as client:
        assert len(client.decide_many([None, None])) == 2
        for requests in ([None], [None] * 3):
            with pytest.raises(EngineError, match="one decision for each request"):
                client.decide_many(requests)


def test_an_outcome_that_is_not_known(client_type: Client, misbehaving: Start, embedded: EmbeddedClient) -> None:
    answer = json.dumps({"result": dict(embedded.decide(None)) | {"outcome": "approved"}}).encode()
    with (
        client_type(misbehaving(says(answer))) as client,
        pytest.raises(EngineError, match="unknown outcome"),
    ):
        client.decide(None)


# What OPA, nginx and load balancers answer. The status alone decides: the texts differ, and change with the version.
@pytest.mark.parametrize("content", [b"<html>%b</html>", b'{"code": "invalid_parameter", "message": %b}', b""])
@pytest.mark.parametrize(
    ("status", "error", "match"),
    [
        (400, EngineError, "accepts bodies of 1,049,600 bytes, and whether it expects https"),
        (401, EngineError, "Check the token or the client certificate"),
        (403, EngineError, "Check the token or the client certificate"),
        (404, EngineError, "does not have the therapy policy"),
        (405, EngineError, "does not have the therapy policy"),
        (408, EngineNotAvailable, "Check that OPA runs behind it"),
        (413, RequestTooLarge, "more bytes than the sidecar accepts"),
        (429, EngineNotAvailable, "overloaded or not ready"),
        (502, EngineNotAvailable, "Check that OPA runs behind it"),
        (503, EngineNotAvailable, "overloaded or not ready"),
        (504, EngineNotAvailable, "Check that OPA runs behind it"),
    ],
)
def test_a_refusal_is_known_by_its_status(
    client_type: Client, status: int, error: type[TherapyPolicyError], match: str, content: bytes, misbehaving: Start
) -> None:
    requests = []

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        requests.append(handler.path)
        says(content, status)(handler)

    with client_type(misbehaving(refuse)) as client:
        assert not client.ready()
        with pytest.raises(error, match=match) as raised:
            client.decide({"request_id": SECRET})
    assert SECRET not in repr(raised.value)
    assert requests == ["/v1/data/therapy/decision"]  # sent once: a retry would add to an overload


@pytest.mark.parametrize("length", ["Content-Length: 1000", "Transfer-Encoding: chunked", "Connection: close"])
def test_an_endless_answer(
    client_type: Client, length: str, misbehaving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (endpoint, transport, async_sidecar):
        monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 500)
    chunk = b"fff\r\n" + b" " * 0xFFF + b"\r\n"
    with (
        client_type(misbehaving(raw(HEAD + length.encode() + b"\r\n\r\n", *[chunk] * 1000, forever=True))) as client,
        pytest.raises(EngineError, match=r"is over \d+ MiB"),
    ):
        client.decide(None)


@pytest.mark.parametrize(
    ("misbehave", "request_bytes"),
    [
        (hangs, 10),
        (never_reads, 1_000_000),
        (raw(*one_by_one(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100), every=0.05), 10),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.05, forever=True), 10),
        (raw(HEAD + b"Content-Length: 100\r\n\r\n", *one_by_one(b" " * 100), every=0.05), 10),
        (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 100, every=0.05), 10),
        (raw(HEAD + b"\r\n", *one_by_one(b" " * 100), every=0.05), 10),
    ],
    ids=["hangs", "never reads", "drips headers", "drips 100s", "drips", "drips chunks", "drips without a length"],
)
def test_the_deadline_holds(
    client_type: Client, misbehave: Misbehave, request_bytes: int, misbehaving: Start, visit: dict[str, Any]
) -> None:
    with client_type(misbehaving(misbehave), deadline_seconds=DEADLINE_SECONDS) as client:
        start = time.monotonic()
        with pytest.raises(EngineNotAvailable, match=r"within 0\.4 s"):
            client.decide(visit | {"request_id": "x" * request_bytes})
        assert DEADLINE_SECONDS * 0.9 < time.monotonic() - start < DEADLINE_SECONDS + 1


def test_a_late_answer_is_not_taken_for_the_next(
    client_type: Client, misbehaving: Start, embedded: EmbeddedClient
) -> None:
    slow = iter([True, False])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(read(handler))["input"]
        if next(slow):
            time.sleep(DEADLINE_SECONDS + 0.1)
        content = json.dumps({"result": embedded.decide(request)}).encode()
        handler.wfile.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content)

    with client_type(misbehaving(answer), deadline_seconds=DEADLINE_SECONDS) as client:
        with pytest.raises(EngineNotAvailable):
            client.decide({"request_id": "1"})
        time.sleep(0.2)
        assert client.decide({"request_id": "2"})["request_id"] == "2"


def test_a_request_is_sent_once(client_type: Client, misbehaving: Start) -> None:
    bodies = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        bodies.append(read(handler))
        handler.close_connection = True

    with client_type(misbehaving(answer)) as client, pytest.raises(EngineError, match="not an HTTP server"):
        client.decide_text('{"units": 4e0}')
    assert bodies == [b'{"input": {"units": 4e0}}']


def test_no_password_is_taken_from_netrc(
    client_type: Client, misbehaving: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        says(b"{}")(handler)

    with client_type(misbehaving(answer)) as client, pytest.raises(EngineError):
        client.decide(None)
    assert seen == [None]
