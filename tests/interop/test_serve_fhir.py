"""`therapy-policy serve-fhir`: the real command, over HTTP, with the embedded engine and with a sidecar."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.cli.command import COMMAND, ROOT, environment, one_error, run
from tests.interop.crd_requests import CPT, PT_ORDER, Json, order, signed
from tests.interop.pas_bundles import example, extension, ot_claim, referral
from tests.running import RunningSidecar, free_port
from therapy_policy import EmbeddedClient
from therapy_policy.errors import EngineError, EngineTimeout
from therapy_policy.interop import fhir
from therapy_policy.interop.http_service import (
    AUTHORIZATION_NUMBER,
    BENEFIT_STATUS,
    BODY_SECONDS,
    MAX_BODY_BYTES,
    MAX_CONCURRENT,
    MEDICAL_NECESSITY,
    PEDIATRIC,
    UNITS_ALREADY_AUTHORIZED,
    Engine,
    Settings,
    application,
)

SECRET = "Xylophone"
ANOTHER = order((CPT, "77061"))  # for neither therapy, so the engine is not asked
SECONDS = 60.0
FHIR = {"Content-Type": "application/fhir+json"}
COVERED = {**FHIR, BENEFIT_STATUS: "covered", AUTHORIZATION_NUMBER: "AUTH-1"}
HOOK = "/cds-services/order-sign-therapy"
SUBMIT = "/Claim/$submit"


@dataclass
class Service:
    """A running service: its URL, its process, and the file of its standard output."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    base: str = "https://therapy-policy.example/fhir"  # of the Questionnaires
    logged: int = 0  # lines in the log before the last request

    def post(self, path: str, body: Any, headers: Mapping[str, str] = FHIR) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).replace(Service.base, self.base).encode()
        self.logged = self.log.read_text("utf-8").count("\n")
        return requests.post(self.url + path, data=data, headers=dict(headers), timeout=SECONDS)

    def send(self, method: str, path: str) -> requests.Response:
        self.logged = self.log.read_text("utf-8").count("\n")
        return requests.request(method, self.url + path, allow_redirects=False, timeout=SECONDS)

    def line(self) -> Json:
        """The line of the log about the last request, which is written after the answer."""
        deadline = time.monotonic() + SECONDS
        while (text := self.log.read_text("utf-8")).count("\n") <= self.logged or not text.endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        line: Json = json.loads(text.splitlines()[-1])
        return line


@contextlib.contextmanager
def running_service(directory: Path, *options: str, ready: int = 200) -> Iterator[Service]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log, errors = directory / "out", directory / "err"
    with log.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [*COMMAND, "serve-fhir", "--port", str(port), *options], stdout=out, stderr=err, cwd=ROOT, env=environment()
        )
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            assert process.poll() is None, errors.read_text()
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{url}/health", timeout=SECONDS).status_code == ready:
                    break
            assert time.monotonic() < deadline, errors.read_text()
            time.sleep(0.05)
        yield Service(url, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert errors.read_text() == f"therapy-policy serve-fhir listens on {url}\n"
        assert SECRET not in log.read_text("utf-8")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("embedded"), "--plan-headers") as service:
        yield service


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, sidecar: RunningSidecar) -> Iterator[Service]:
    """A service that asks a sidecar, with every other option."""
    options = ["--sidecar", sidecar.url, "--plan-headers", "--send-clinical-denials"]
    options += ["--base", "https://fhir.plan.example/r4"]
    with running_service(tmp_path_factory.mktemp("asking"), *options) as service:
        service.base = "https://fhir.plan.example/r4"
        yield service


def actions(response: requests.Response) -> list[str]:
    """The X12 306 action of each item."""
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/fhir+json"
    claim = next(
        each["resource"] for each in response.json()["entry"] if each["resource"]["resourceType"] == "ClaimResponse"
    )
    found = []
    for item in claim["item"]:
        (review,) = item["adjudication"][0]["extension"]
        found.append(review["extension"][0]["valueCodeableConcept"]["coding"][0]["code"])
    return found


def outcome(response: requests.Response | httpx.Response, status: int) -> Json:
    """The issue of a refusal, which has no text of the request."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/fhir+json"
    OperationOutcome.model_validate(response.json())
    assert SECRET not in response.text
    (issue,) = response.json()["issue"]
    assert isinstance(issue, dict)
    return issue


def asked_in_process(
    engine: Engine, lines: list[str], asked: list[tuple[str, Json]], headers: Mapping[str, str]
) -> list[httpx.Response]:
    """The answers of the application without a server, and with no option; its log goes into `lines`."""
    app = application(engine, lambda: True, lines.append, Settings())

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return [await client.post(path, json=body, headers=headers) for path, body in asked]

    return asyncio.run(ask())


class Broken:
    """An engine that only fails."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def answer(self, request: object) -> Mapping[str, Any]:
        raise self._fault

    def decide_many(self, requests: list[Json]) -> list[Any]:
        raise self._fault


# --- what is answered


def test_a_referral_is_authorized_and_its_extension_waits(embedded: Service) -> None:
    before = datetime.now().astimezone()
    response = embedded.post(SUBMIT, referral(), COVERED)
    assert actions(response) == ["A1"]
    assert "AUTH-1" in response.text
    line = embedded.line()
    assert (line["type"], line["status"], line["outcome"]) == ("Claim/$submit", 200, "authorized")
    assert (line["request_type"], line["expedited"]) == ("pt_referral", False)
    received_at = datetime.fromisoformat(line["received_at"])
    assert received_at >= before
    assert datetime.fromisoformat(line["due_at"]) - received_at == timedelta(days=7)
    assert actions(embedded.post(SUBMIT, extension(), COVERED)) == ["A4"]
    assert embedded.line()["outcome"] == "pended"


KNOWN = {**COVERED, MEDICAL_NECESSITY: "established", PEDIATRIC: "true", UNITS_ALREADY_AUTHORIZED: "0"}


def test_what_only_the_plan_knows_decides_and_comes_from_its_own_headers(embedded: Service) -> None:
    assert actions(embedded.post(SUBMIT, referral())) == ["A4"]
    assert actions(embedded.post(SUBMIT, referral(), {**FHIR, BENEFIT_STATUS: "not_covered"})) == ["A3"]
    assert actions(embedded.post(SUBMIT, ot_claim(("97110", 1)), KNOWN)) == ["A1"]
    assert "pediatric" in outcome(embedded.post(SUBMIT, ot_claim(), {**KNOWN, PEDIATRIC: "false"}), 422)["diagnostics"]


def test_without_the_option_no_header_decides() -> None:
    lines: list[str] = []
    with EmbeddedClient() as client:
        (response,) = asked_in_process(client, lines, [(SUBMIT, ot_claim())], KNOWN)
    assert '"code":"A4"' in response.text
    assert '"code":"A1"' not in response.text
    assert "outcome" not in json.loads(lines[0])  # it waits for what the plan knows, without a decision


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (BENEFIT_STATUS, SECRET),
        (BENEFIT_STATUS, ""),
        (BENEFIT_STATUS, "covered, covered"),
        (MEDICAL_NECESSITY, "yes"),
        (PEDIATRIC, "yes"),
        (UNITS_ALREADY_AUTHORIZED, "-1"),
        (UNITS_ALREADY_AUTHORIZED, "100"),
        (AUTHORIZATION_NUMBER, ""),
    ],
)
def test_a_header_that_says_nothing_known_is_refused(embedded: Service, header: str, value: str) -> None:
    assert header in outcome(embedded.post(SUBMIT, referral(), {**FHIR, header: value}), 400)["diagnostics"]


def test_a_denial_that_depends_on_a_clinician_is_held_unless_the_plan_sends_it(
    embedded: Service, asking: Service
) -> None:
    request = example("pt_referral")
    request["expected_improvement"]["functional"] = False
    for service, action in ((embedded, "A4"), (asking, "A3")):
        assert actions(service.post(SUBMIT, referral(request), COVERED)) == [action]
        assert service.line()["outcome"] == "denied"


def said(response: requests.Response) -> Json:
    """What a ClaimResponse says; its identifiers and times are of the one call."""
    claim = next(each["resource"] for each in response.json()["entry"] if "outcome" in each["resource"])
    return {name: claim.get(name) for name in ("outcome", "item", "addItem", "processNote", "preAuthRef")}


@pytest.mark.parametrize("bundle", [referral(), extension(), ot_claim()], ids=["referral", "extension", "claim"])
def test_embedded_and_sidecar_answer_alike(embedded: Service, asking: Service, bundle: Json) -> None:
    answers = [service.post(SUBMIT, bundle, KNOWN) for service in (embedded, asking)]
    assert said(answers[0]) == said(answers[1])
    assert embedded.line()["outcome"] == asking.line()["outcome"]


def test_an_order_gets_coverage_information(embedded: Service, asking: Service) -> None:
    asked = signed({**PT_ORDER, "note": [{"text": SECRET}]})
    plain = {"Content-Type": "application/json; charset=utf-8"}
    answers = [service.post(HOOK, asked, plain) for service in (embedded, asking)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].headers["Content-Type"] == "application/json"
    base = "https://therapy-policy.example/fhir/"
    assert json.loads(answers[1].text.replace("https://fhir.plan.example/r4/", base)) == answers[0].json()
    (action,) = answers[0].json()["systemActions"]
    (told,) = embedded.line()["told"]
    parts = {part["url"]: part for part in action["resource"]["extension"][-1]["extension"]}
    assert told == {
        "covered": "conditional",
        "coverage_assertion_id": parts["coverage-assertion-id"]["valueString"],
    }
    assert "due_at" not in embedded.line()
    services = requests.get(f"{embedded.url}/cds-services", timeout=SECONDS).json()["services"]
    assert HOOK in {f"/cds-services/{each['id']}" for each in services}


def test_numbers_of_an_order_come_back_as_they_were_written(embedded: Service) -> None:
    body = json.dumps(signed({**PT_ORDER, "quantityQuantity": {"value": 0}})).replace('"value": 0', '"value": 1.10')
    assert '"value":1.10' in embedded.post(HOOK, body.encode()).text


# --- what is refused


def test_a_hook_without_what_it_needs_is_412(embedded: Service) -> None:
    asked = signed(PT_ORDER, coverage=None)
    assert outcome(embedded.post(HOOK, asked), 412)["expression"] == ["CDSHooksRequest.prefetch.coverage"]
    assert embedded.line()["status"] == 412


@pytest.mark.parametrize("path", [SUBMIT, HOOK])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1} {}',
        b'{"resourceType": NaN}',
        b'{"resourceType": "Bundle", "resourceType": "Bundle"}',
        b'"\xff"',
        b"[" * 200_000,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b"9" * 5_000,
        json.dumps(SECRET).encode(),
        b"null",
        b'"\\ud800"',
    ],
    ids=repr,
)
def test_a_body_that_is_not_a_request_is_refused(embedded: Service, path: str, body: bytes) -> None:
    response = embedded.post(path, body)
    assert response.status_code in (400, 422)
    outcome(response, response.status_code)


def test_another_content_type_is_415(embedded: Service) -> None:
    for headers in (
        {},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/fhir+json; charset=utf-8; charset=utf-16"},
        {"Content-Type": "application/fhir+json; fhirVersion=5.0"},
        {"Content-Type": "application/fhir+json; charset=utf-8; fhirVersion=3.0"},
        {**FHIR, "Content-Encoding": "gzip"},
    ):
        outcome(embedded.post(SUBMIT, referral(), headers), 415)


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        ";",
        "; charset=utf8",
        "; fhirVersion=4.0",
        '; charset="UTF-8";fhirversion="4.0"',
        "; charset=utf-8 ; profile=x",
        ";x;;y=z",
    ],
)
def test_other_parameters_of_the_content_type_are_no_reason_to_refuse(parameters: str) -> None:
    (response,) = asked_in_process(
        Broken(AssertionError()), [], [(HOOK, signed(ANOTHER))], {"Content-Type": f"application/fhir+json{parameters}"}
    )
    assert (response.status_code, response.json()) == (200, {"cards": []})


def test_a_body_that_is_too_long_is_413_declared_or_not(embedded: Service) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    outcome(embedded.post(SUBMIT, body), 413)
    chunked = requests.post(
        embedded.url + SUBMIT, data=iter([body[:-1], b"  "]), headers={**FHIR, "Connection": "close"}, timeout=SECONDS
    )
    outcome(chunked, 413)
    asked = json.dumps(signed(order((CPT, "77061"))))
    assert embedded.post(HOOK, asked.ljust(MAX_BODY_BYTES).encode()).json() == {"cards": []}


def test_a_slow_body_is_408_and_holds_up_nobody(embedded: Service) -> None:
    port = int(embedded.url.rpartition(":")[2])
    head = f"POST {SUBMIT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            for _ in range(2 * MAX_CONCURRENT)
        ]
        for each in slow:
            each.sendall(head.encode() + b"{")
        started = time.monotonic()
        assert actions(embedded.post(SUBMIT, referral(), COVERED)) == ["A1"]
        for each in slow:
            assert each.recv(65536).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started > BODY_SECONDS / 2


def test_another_service_is_refused_too(embedded: Service) -> None:
    outcome(embedded.post(f"/cds-services/{SECRET}", signed(PT_ORDER)), 404)
    assert embedded.line()["type"] == "unknown path"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", f"/Claim/{SECRET}", 404, "unknown path"),
        ("GET", f"/{SECRET}", 404, "unknown path"),
        ("GET", "/cds-services/health", 405, "unknown path"),
        ("GET", f"/cds-services/{SECRET}", 405, "unknown path"),
        ("GET", SUBMIT, 405, "Claim/$submit"),
        ("GET", HOOK, 405, "order-sign-therapy"),
        ("POST", "/health", 405, "health"),
        # No redirect: it would go to the host that the client names.
        ("POST", f"{SUBMIT}/", 404, "unknown path"),
        ("POST", f"{HOOK}/", 404, "unknown path"),
        ("GET", "/cds-services/", 404, "unknown path"),
        ("GET", "/health/", 404, "unknown path"),
    ],
)
def test_what_no_route_is_for_has_a_line_without_its_text(
    embedded: Service, method: str, path: str, status: int, kind: str
) -> None:
    response = embedded.send(method, path)
    outcome(response, status)
    assert "Location" not in response.headers
    assert ("Allow" in response.headers) == (status == 405)
    line = embedded.line()
    assert (line["status"], line["type"]) == (status, kind)


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", SUBMIT, "use POST"),
        ("GET", HOOK, "use POST"),
        ("DELETE", HOOK, "use POST"),
        ("POST", "/health", "use GET or HEAD"),
        ("POST", "/cds-services", "use GET or HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_told_which_it_has(
    embedded: Service, method: str, path: str, told: str
) -> None:
    assert outcome(embedded.send(method, path), 405)["diagnostics"] == told


def test_a_host_that_is_none_has_a_typed_answer() -> None:
    lines: list[str] = []
    for response in asked_in_process(Broken(AssertionError()), lines, [("/x", {}), ("/x/", {})], {"Host": "["}):
        outcome(response, 404)
    assert len(lines) == 2


def test_each_request_has_a_line_but_those_of_probes(embedded: Service) -> None:
    embedded.send("GET", "/cds-services")
    assert (embedded.line()["status"], embedded.line()["type"]) == (200, "cds-services")
    embedded.send("GET", "/health")
    before = embedded.logged
    embedded.send("GET", "/cds-services")
    embedded.line()
    assert embedded.log.read_text("utf-8").count("\n") == before + 1


def test_a_sidecar_that_is_down_is_503(tmp_path: Path) -> None:
    with running_service(tmp_path, "--sidecar", f"http://127.0.0.1:{free_port()}", ready=503) as service:
        for path, body in ((SUBMIT, referral()), (HOOK, signed(PT_ORDER))):
            response = service.post(path, body)
            outcome(response, 503)
            assert response.headers["Retry-After"] == "1"


def test_only_so_many_requests_are_decided_at_the_same_time(tmp_path: Path) -> None:
    # A sidecar that takes connections and never answers.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            running_service(tmp_path, "--sidecar", url, ready=503) as service,
            ThreadPoolExecutor(3 * MAX_CONCURRENT) as clients,
        ):
            started = time.monotonic()

            def ask(n: int) -> tuple[float, requests.Response]:
                response = service.post(SUBMIT, referral())
                return time.monotonic() - started, response

            answers = list(clients.map(ask, range(3 * MAX_CONCURRENT)))
    assert all(outcome(response, 503)["code"] == "transient" for _, response in answers)
    assert all(response.headers["Retry-After"] == "1" for _, response in answers)
    refused = [response for _, response in answers if "too many" in response.text]
    assert len(refused) >= MAX_CONCURRENT


class Slow:
    """An engine that needs some time for each order."""

    def answer(self, request: object) -> Mapping[str, Any]:
        raise AssertionError

    def decide_many(self, requests: list[Json]) -> list[Any]:
        time.sleep(0.05)
        raise EngineError("not needed")


def test_a_burst_of_requests_waits_for_its_turn() -> None:
    lines: list[str] = []
    app = application(Slow(), lambda: True, lines.append, Settings(wait_seconds=SECONDS))

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://x", timeout=SECONDS
        ) as client:
            return await asyncio.gather(*(client.post(HOOK, json=signed(PT_ORDER), headers=FHIR) for _ in range(30)))

    assert [each.status_code for each in asyncio.run(ask())] == [500] * 30  # each was decided


def test_a_burst_of_real_requests_is_answered(embedded: Service) -> None:
    with ThreadPoolExecutor(2 * MAX_CONCURRENT) as clients:
        answers = list(clients.map(lambda _: embedded.post(SUBMIT, referral(), COVERED), range(2 * MAX_CONCURRENT)))
    assert [actions(each) for each in answers] == [["A1"]] * (2 * MAX_CONCURRENT)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(EngineTimeout(SECRET), 503), (EngineError(SECRET), 500), (RuntimeError(SECRET), 500), (RecursionError(), 500)],
)
def test_a_fault_of_the_engine_is_typed_and_quotes_nothing(fault: Exception, status: int) -> None:
    lines: list[str] = []
    for response in asked_in_process(Broken(fault), lines, [(SUBMIT, referral()), (HOOK, signed(PT_ORDER))], FHIR):
        outcome(response, status)
    assert [json.loads(line)["status"] for line in lines] == [status, status]
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize("path", [SUBMIT, HOOK])
def test_a_number_that_cannot_be_held_has_a_typed_answer_and_a_line(embedded: Service, path: str) -> None:
    response = embedded.post(path, b'{"a":1e9999999999999999999}')
    outcome(response, 400)
    assert embedded.line()["status"] == 400


@pytest.mark.parametrize("path", [SUBMIT, HOOK])
@pytest.mark.parametrize("function", ["loads", "dumps"])
def test_a_fault_in_reading_or_writing_is_typed_and_in_the_thread(
    monkeypatch: pytest.MonkeyPatch, path: str, function: str
) -> None:
    original = getattr(fhir, function)
    failed: list[str] = []

    def failing(value: Any) -> Any:
        if not failed and threading.current_thread() is not threading.main_thread():
            failed.append(function)
            raise ArithmeticError(SECRET)
        return original(value)

    monkeypatch.setattr(fhir, function, failing)
    lines: list[str] = []
    # Both are refused, and need no engine.
    (response,) = asked_in_process(Broken(AssertionError()), lines, [(path, {})], FHIR)
    outcome(response, 500)
    assert [json.loads(line)["status"] for line in lines] == [500]
    assert SECRET not in lines[0]


# --- the command


def test_the_command_refuses_what_it_cannot_do(embedded: Service) -> None:
    taken = run("serve-fhir", "--port", embedded.url.rpartition(":")[2])
    assert (taken.returncode, "choose another --port" in one_error(taken)) == (3, True)
    for options in (("--listen", "localhost"), ("--base", "ftp://x"), ("--sidecar", "nowhere")):
        refused = run("serve-fhir", *options)
        assert refused.returncode == 2
        one_error(refused)
