"""A real nginx in front of a real OPA, as `serve --front` runs them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from tests.running import RunningSidecar, free_port, running_sidecar
from tests.sidecar.processes import child_named, children_of, is_running, wait_for
from therapy_policy import SidecarClient
from therapy_policy.toolchain.nginx import nginx_for_tests

ROUTE = {"request_type": "referral_route", "island": "oahu"}
BODY = json.dumps({"input": ROUTE}).encode()
DECISION, DECISIONS = "/v1/data/therapy/decision", "/v1/data/therapy/decisions"
JSON = {"Content-Type": "application/json"}
SECONDS = 60.0
SECRET = "Xylophone"
LONG_HOST = ".".join(["policy-of-a-plan-with-a-very-long-name-in-a-cluster-with-one-too"[:62]] * 4)


@pytest.fixture(scope="module")
def nginx() -> str:
    """An installed nginx, or the one that is fetched for the tests. A missing one fails the tests."""
    return str(nginx_for_tests())


@pytest.fixture(scope="module")
def probes() -> int:
    return free_port()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, nginx: str, probes: int) -> Iterator[RunningSidecar]:
    options = (
        "--front",
        "--front-host",
        "policy.example",
        "--front-host",
        "127.0.0.1",
        "--front-host",
        LONG_HOST,
        "--diagnostics-port",
        str(probes),
    )
    with running_sidecar(tmp_path_factory.mktemp("front") / "log", *options, NGINX=nginx) as running:
        yield running


def ask(
    front: RunningSidecar, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> requests.Response:
    return requests.request(method, front.url + path, headers=headers, data=body, timeout=SECONDS)


def seen_by_opa(probes: int) -> int:
    """How many requests for decisions OPA has answered, whatever it answered."""
    text = requests.get(f"http://127.0.0.1:{probes}/metrics", timeout=SECONDS).text
    counts = [line for line in text.splitlines() if line.startswith("http_request_duration_seconds_count")]
    return sum(int(line.split()[-1]) for line in counts if 'handler="v1/data"' in line)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_decided(front: RunningSidecar, content_type: str) -> None:
    answer = ask(front, "POST", DECISION, {"Content-Type": content_type}, BODY)
    assert (answer.status_code, answer.json()["result"]["outcome"]) == (200, "routed")


def test_the_client_and_its_batches_pass(front: RunningSidecar) -> None:
    with SidecarClient(front.url, deadline_seconds=SECONDS) as client:
        assert client.ready()
        assert [decision["outcome"] for decision in client.decide_many([ROUTE] * 1000)] == ["routed"] * 1000
        assert client.answer(ROUTE)["answer"]["action"] == "CT"
        assert [answered["answer"]["action"] for answered in client.answers([ROUTE] * 1000)] == ["CT"] * 1000


@pytest.mark.parametrize(
    ("status", "method", "path", "headers", "body"),
    [
        (415, "POST", DECISION, {"Content-Type": "application/yaml"}, b"input: {}"),
        (415, "POST", DECISION, {"Content-Type": "text/plain; x=yaml"}, b"a: &a [x, x]\nb: [*a, *a]"),
        (415, "POST", DECISION, {"Content-Type": "application/json; x=yaml"}, BODY),
        (415, "POST", DECISION, {"Content-Type": "application/x-www-form-urlencoded"}, BODY),
        (415, "POST", DECISION, {}, BODY),
        (415, "POST", DECISION, JSON | {"Content-Encoding": "gzip"}, b"this is not gzip"),
        (415, "POST", DECISION, JSON | {"Content-Encoding": "gzip"}, gzip.compress(BODY, mtime=0)),
        (405, "GET", DECISION, {}, None),
        (405, "PUT", DECISION, JSON, BODY),
        (405, "HEAD", DECISIONS, {}, None),
        (405, "GET", "/v1/data/therapy/answer", {}, None),
        (413, "POST", "/v1/data/therapy/answers", JSON, b" " * 1_049_601),
        (415, "POST", "/v1/data/therapy/answers", {"Content-Type": "application/yaml"}, b"input: {}"),
        (413, "POST", DECISION, JSON, b" " * 1_049_601),
        (404, "POST", f"{DECISION}/", JSON, BODY),
        (404, "POST", "/v1/data/therapy/determination", JSON, BODY),
        (404, "POST", f"/v1/data/{SECRET}", {"Content-Type": "application/yaml"}, b"a: b"),
        (404, "GET", "/v1/policies", {}, None),
        (404, "POST", "/", JSON, BODY),
        (404, "GET", "/metrics", {}, None),
        (405, "POST", "/health", JSON, b"{}"),
        (404, "GET", "/health/anything", {}, None),
        (421, "POST", DECISION, JSON | {"Host": "rebound.example"}, BODY),
        (421, "GET", "/health", {"Host": ""}, None),
    ],
    ids=count(),
)
def test_everything_else_is_refused_before_opa(
    front: RunningSidecar, probes: int, status: int, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> None:
    before = seen_by_opa(probes)
    answer = ask(front, method, path, headers, body)
    # nginx itself refuses an empty Host.
    assert answer.status_code == (400 if headers.get("Host") == "" else status)
    assert seen_by_opa(probes) == before
    assert SECRET not in front.log.read_text()


def test_a_body_of_the_largest_size_passes(front: RunningSidecar) -> None:
    body = BODY + b" " * (1_049_600 - len(BODY))
    assert ask(front, "POST", DECISION, JSON, body).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/health", "/health?bundles&plugins", "/health/live", "/health/ready"])
def test_probes_answer(front: RunningSidecar, probes: int, method: str, path: str) -> None:
    assert ask(front, method, path).status_code == 200
    # On the port of their own, a probe of Kubernetes has the address of the pod as its Host.
    own = f"http://127.0.0.1:{probes}{path}"
    assert requests.request(method, own, headers={"Host": "10.0.0.7"}, timeout=SECONDS).status_code == 200


def test_responses_are_counted(front: RunningSidecar, probes: int) -> None:
    assert ask(front, "GET", "/nowhere").status_code == 404
    metrics = requests.get(f"http://127.0.0.1:{probes}/metrics", timeout=SECONDS).text
    assert 'therapy_policy_front_responses_total{code="404"}' in metrics


def connect(front: RunningSidecar) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2])), timeout=SECONDS)


@pytest.mark.parametrize("sent", [b"POST ", f"POST {DECISION} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode(), b"body"])
def test_a_slow_writer_is_cut_off(front: RunningSidecar, probes: int, sent: bytes) -> None:
    if sent == b"body":
        head = "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        sent = (head % DECISION).encode()
    before = seen_by_opa(probes)
    with connect(front) as slow:
        slow.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            answer = slow.recv(65536)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 408")
    assert seen_by_opa(probes) == before


def test_slow_readers_hold_up_nobody(front: RunningSidecar) -> None:
    body = json.dumps({"input": {"requests": [ROUTE] * 300}}).encode()
    head = f"POST {DECISIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with contextlib.ExitStack() as slow:
        for _ in range(40):
            reader = slow.enter_context(connect(front))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        # They may have had all places for a moment.
        wait_for(lambda: ask(front, "POST", DECISION, JSON, BODY).status_code == 200)


def test_under_overload_some_are_refused_at_once_and_the_rest_is_decided(front: RunningSidecar) -> None:
    body = json.dumps({"input": {"requests": [ROUTE] * 50}}).encode()
    with concurrent.futures.ThreadPoolExecutor(64) as callers:
        answers = list(callers.map(lambda _: ask(front, "POST", DECISIONS, JSON, body), range(192)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    for answer in answers:
        if answer.status_code == 200:
            assert [decision["outcome"] for decision in answer.json()["result"]] == ["routed"] * 50
        else:
            assert (answer.json()["code"], answer.headers["Retry-After"]) == ("unavailable", "1")
    assert ask(front, "POST", DECISION, JSON, BODY).status_code == 200


def test_both_start_again_and_stop_together(tmp_path: Path, nginx: str) -> None:
    with running_sidecar(tmp_path / "log", "--front", NGINX=nginx) as running:
        for name in ("opa", "nginx"):
            before = child_named(running.process.pid, name)
            assert before is not None
            workers = children_of(before)
            os.kill(before, signal.SIGKILL)
            deadline = time.monotonic() + SECONDS
            while child_named(running.process.pid, name) in (None, before):
                assert time.monotonic() < deadline, f"{name} was not started again"
                time.sleep(0.02)
            assert not any(is_running(worker) for worker in workers)
            wait_for(lambda: answers(running))
        master = child_named(running.process.pid, "nginx")
        assert master is not None
        family = [*children_of(running.process.pid), *children_of(master)]
        assert len(family) == 3
        running.process.kill()
        wait_for(lambda: not any(is_running(pid) for pid in family))


def answers(front: RunningSidecar) -> bool:
    try:
        return ask(front, "POST", DECISION, JSON, BODY).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_stop_loses_no_request(tmp_path: Path, nginx: str) -> None:
    body = json.dumps({"input": {"requests": [ROUTE] * 500}}).encode()
    with running_sidecar(tmp_path / "log", "--front", NGINX=nginx) as running:
        with concurrent.futures.ThreadPoolExecutor(1) as caller:
            pending = caller.submit(ask, running, "POST", DECISIONS, JSON, body)
            time.sleep(0.1)
            running.process.terminate()
            assert len(pending.result().json()["result"]) == 500
        assert running.process.wait(SECONDS) == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_tls_with_client_certificates(tmp_path: Path, nginx: str, authority: trustme.CA) -> None:
    def file(name: str, *blobs: Any) -> str:
        (tmp_path / name).write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(tmp_path / name)

    server, client = authority.issue_cert("localhost"), authority.issue_cert("caller@health-plan.example")
    ca = file("ca.pem", authority.cert_pem)
    port = free_port()
    tls = [
        "--tls-certificate",
        file("cert.pem", *server.cert_chain_pems),
        "--tls-key",
        file("key.pem", server.private_key_pem),
    ]
    serve = [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", str(port), "--front", *tls]
    mine = (file("client.pem", *client.cert_chain_pems), file("client.key", client.private_key_pem))
    log = tmp_path / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [*serve, "--tls-client-ca", ca], stdout=stream, stderr=stream, env=os.environ | {"NGINX": nginx}
        ) as process,
    ):
        try:

            def decided() -> bool:
                url = f"https://localhost:{port}{DECISION}"
                try:
                    answer = requests.post(url, BODY, headers=JSON, verify=ca, cert=mine, timeout=SECONDS)
                except requests.ConnectionError:
                    assert process.poll() is None, log.read_text()
                    return False
                return answer.status_code == 200 and bool(answer.json()["result"]["outcome"] == "routed")

            wait_for(decided)
            url = f"https://localhost:{port}{DECISION}"
            assert requests.post(url, BODY, headers=JSON, verify=ca, timeout=SECONDS).status_code == 400
            stranger = ssl.create_default_context()
            with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("localhost", port)) as plain:
                stranger.wrap_socket(plain, server_hostname="localhost")
        finally:
            process.terminate()
            assert process.wait(SECONDS) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "0.0.0.0"], "need --front"),
        (["--front-host", "policy.example"], "need --front"),
        (["--front", "--front-host", "a; return 200"], "is not a host name"),
        (["--front", "--listen", "localhost"], "IPv4"),
        (["--front", "--tls-certificate", "cert.pem"], "need each other"),
        (["--front", "--tls-client-ca", "ca.pem"], "needs --tls-certificate"),
        (["--diagnostics-port", "8181"], "the same as --port"),
        (["--front", "--diagnostics-listen", "0.0.0.0"], "needs --front and --diagnostics-port"),
        (["--front", "--diagnostics-port", "8282", "--diagnostics-listen", "localhost"], "IPv4"),
        (["--front", "--tls-certificate", "no.pem", "--tls-key", "no.pem"], "no.pem cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(nginx: str, options: list[str], message: str) -> None:
    serve = [sys.executable, "-m", "therapy_policy.cli", "serve", *options]
    done = subprocess.run(serve, capture_output=True, text=True, timeout=SECONDS, env=os.environ | {"NGINX": nginx})
    assert done.returncode == 2
    assert message in done.stderr


def test_a_host_can_be_as_long_as_a_name_can(front: RunningSidecar) -> None:
    answer = ask(front, "POST", DECISION, JSON | {"Host": LONG_HOST}, BODY)
    assert (len(LONG_HOST), answer.status_code) == (251, 200)


def test_probes_can_have_another_address_than_decisions(tmp_path: Path, nginx: str) -> None:
    port, elsewhere = free_port(), "127.0.0.2"
    options = ("--front", "--diagnostics-port", str(port), "--diagnostics-listen", elsewhere)
    with running_sidecar(tmp_path / "log", *options, NGINX=nginx) as running:
        assert requests.get(f"http://{elsewhere}:{port}/health/ready", timeout=SECONDS).status_code == 200
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=SECONDS)
        assert ask(running, "POST", DECISION, JSON, BODY).status_code == 200
        with pytest.raises(requests.ConnectionError):
            requests.post(running.url.replace("127.0.0.1", elsewhere) + DECISION, BODY, headers=JSON, timeout=SECONDS)


def test_without_nginx_it_says_what_to_install() -> None:
    serve = [sys.executable, "-m", "therapy_policy.cli", "serve", "--front", "--port", str(free_port())]
    variables = os.environ | {"NGINX": "/nonexistent/nginx"}
    done = subprocess.run(serve, capture_output=True, text=True, timeout=SECONDS, env=variables)
    assert done.returncode == 3
    assert "error: NGINX=/nonexistent/nginx is not an executable file. Install nginx" in done.stderr
