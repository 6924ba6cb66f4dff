"""The ASGI application for FHIR clients: Da Vinci PAS (`Claim/$submit`) and CRD (CDS Hooks).

It reads the clock, bounds what a client can send, and writes one line of JSON for each request but `GET /health`. What
is answered is decided elsewhere: by `pas.submit` and `crd.respond`, in a thread, so that nothing waits for the parsing
of another body, or the writing of another answer. The server in front of it decides who may call it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from therapy_policy.client.decision import Decision
from therapy_policy.errors import EngineError, EngineNotAvailable, Issue, IssueType, RequestError
from therapy_policy.interop import crd, fhir, pas
from therapy_policy.interop.fhir import Json
from therapy_policy.interop.metrics import due_at

FHIR_JSON, PLAIN_JSON = "application/fhir+json", "application/json"
FHIR_VERSION = "4.0"
# What the log calls a request of a path. Another path could have anything in it, for example the name of a patient.
TYPES = {
    "/Claim/$submit": "Claim/$submit",
    "/cds-services": "cds-services",
    "/health": "health",
    **{f"/cds-services/{each}": each for each in crd.SERVICES},
}
MAX_BODY_BYTES = 4 << 20
BODY_SECONDS = 10.0  # to receive a whole body
MAX_CONCURRENT = 8  # requests that are parsed and decided at the same time
WAIT_SECONDS = 1.0  # for a place among these
RETRY_SECONDS = 1

# What only the plan knows, in headers that its own server sets. See docs/interoperability.md.
BENEFIT_STATUS = "Therapy-Policy-Benefit-Status"
MEDICAL_NECESSITY = "Therapy-Policy-Medical-Necessity"
PEDIATRIC = "Therapy-Policy-Pediatric"
UNITS_ALREADY_AUTHORIZED = "Therapy-Policy-Units-Already-Authorized"
AUTHORIZATION_NUMBER = "Therapy-Policy-Authorization-Number"


class Engine(Protocol):
    """A client of the policy, embedded or of a sidecar."""

    def answer(self, request: object) -> Mapping[str, Any]:
        """Return the decision on a request, and the standard answer."""

    def decide_many(self, requests: list[Json]) -> list[Decision]:
        """Return the decisions on requests, in order."""


@dataclass(frozen=True)
class Settings:
    """How the service answers. `base` is the URL of the plan's FHIR server, for the URLs of Questionnaires.

    With `send_clinical_denials`, a denial that depends on what a clinician stated is sent as it is, and not held for a
    person. With `plan_headers`, what only the plan knows comes from headers of the request, else it is not known.
    """

    base: str | None = None
    send_clinical_denials: bool = False
    plan_headers: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    body_seconds: float = BODY_SECONDS
    max_concurrent: int = MAX_CONCURRENT
    wait_seconds: float = WAIT_SECONDS


@dataclass
class _Answer:
    """The answer to a request, and what its line of the log says beyond the status."""

    status: int
    body: bytes
    logged: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class _Fault(Exception):
    """A request that gets no further, with its answer."""

    def __init__(self, status: int, code: IssueType, problem: str, headers: Mapping[str, str] | None = None) -> None:
        outcome = fhir.operation_outcome([Issue(code, "", problem)])
        self.answer = _Answer(status, _written(outcome), headers=dict(headers or {}))


def application(engine: Engine, ready: Callable[[], bool], log: Callable[[str], None], settings: Settings) -> Starlette:
    """Return the application. `ready` says whether the engine answers, and `log` takes the lines about requests."""
    service = _Service(engine, ready, log, settings)
    app = Starlette(
        routes=[
            Route("/Claim/$submit", service.submit, methods=["POST"]),
            Route("/cds-services", service.discovery, methods=["GET"]),
            Route("/cds-services/{service_id}", service.hook, methods=["POST"]),
            Route("/health", service.health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: service.no_route},
    )
    app.router.redirect_slashes = False  # the redirect would go to whatever host the client names
    return app


class _Service:
    def __init__(
        self, engine: Engine, ready: Callable[[], bool], log: Callable[[str], None], settings: Settings
    ) -> None:
        self._engine = engine
        self._ready = ready
        self._log = log
        self._settings = settings
        self._places = asyncio.Semaphore(settings.max_concurrent)

    async def submit(self, request: Request) -> Response:
        """Answer `POST /Claim/$submit`."""

        def answer(content: Any, received_at: datetime) -> _Answer:
            asked: list[Mapping[str, Any]] = []

            def ask(of: Json) -> Mapping[str, Any]:
                answered = self._engine.answer(of)
                asked.append(answered["decision"])
                return answered

            result = pas.submit(
                content,
                ask,
                received_at=received_at,
                base=self._settings.base,
                plan=_plan_facts(request) if self._settings.plan_headers else pas.PlanFacts(),
                hold_clinical_denials=not self._settings.send_clinical_denials,
            )
            logged: Json = {}
            if result.expedited is not None:
                due = due_at(received_at, expedited=result.expedited)
                logged = {"expedited": result.expedited, "due_at": due.isoformat()}
            for decision in asked:
                logged |= {name: decision[name] for name in ("request_id", "request_type", "outcome")}
            return _Answer(result.status, _written(result.body), logged)

        return await self._answered(request, FHIR_JSON, answer)

    async def hook(self, request: Request) -> Response:
        """Answer `POST /cds-services/{id}`."""
        service_id = request.path_params["service_id"]

        def answer(content: Any, received_at: datetime) -> _Answer:
            result = crd.respond(
                service_id,
                content,
                self._engine.decide_many,
                today=received_at.astimezone().date(),
                base=self._settings.base,
            )
            return _Answer(result.status, _written(result.body), {"told": result.told} if result.told else {})

        return await self._answered(request, PLAIN_JSON, answer)

    async def discovery(self, request: Request) -> Response:
        """Answer `GET /cds-services`."""
        answered = _Answer(200, _written(crd.discovery()))
        self._report(request, answered, datetime.now(UTC), time.monotonic())
        return _response(answered, PLAIN_JSON)

    async def health(self, request: Request) -> Response:
        """Answer `GET /health`: 200 if the engine answers, else 503."""
        ready = await run_in_threadpool(self._ready)
        return _response(_Answer(200 if ready else 503, _written({"ready": ready})), PLAIN_JSON)

    async def no_route(self, request: Request, problem: Exception) -> Response:
        """Answer what no route is for."""
        assert isinstance(problem, HTTPException)
        allowed = sorted((problem.headers or {}).get("Allow", "").split(", "))
        text = "there is nothing at this path" if problem.status_code == 404 else f"use {' or '.join(allowed)}"
        answered = _Fault(problem.status_code, "not-supported", text, problem.headers).answer
        self._report(request, answered, datetime.now(UTC), time.monotonic())
        return _response(answered, FHIR_JSON)

    async def _answered(
        self, request: Request, media_type: str, answer: Callable[[Any, datetime], _Answer]
    ) -> Response:
        received_at, started = datetime.now(UTC), time.monotonic()
        try:
            body = await self._body(request)
            answered = await self._decided(body, received_at, answer)
        except _Fault as fault:
            answered = fault.answer
        self._report(request, answered, received_at, started)
        return _response(answered, PLAIN_JSON if media_type == PLAIN_JSON and answered.status == 200 else FHIR_JSON)

    def _report(self, request: Request, answered: _Answer, received_at: datetime, started: float) -> None:
        line = {
            "received_at": received_at.isoformat(),
            "type": TYPES.get(request.scope["path"], "unknown path"),
            "status": answered.status,
            "milliseconds": round((time.monotonic() - started) * 1000, 1),
            **answered.logged,
        }
        self._log(json.dumps(line))

    async def _body(self, request: Request) -> bytes:
        """Return the body. Raises `_Fault` if it is not JSON by its headers, too long, or too slow."""
        if not _is_json(request.headers.get("content-type", "")):
            problem = f"expected the content type {FHIR_JSON} or {PLAIN_JSON}, in UTF-8 and of FHIR {FHIR_VERSION}"
            raise _Fault(415, "not-supported", problem)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise _Fault(415, "not-supported", "expected a body that is not compressed")
        limit = self._settings.max_body_bytes
        too_long = _Fault(413, "too-long", f"the body has more than {limit:,} bytes", {"Connection": "close"})
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise too_long
        except TimeoutError:
            problem = f"the body did not come within {self._settings.body_seconds:g} s"
            raise _Fault(408, "timeout", problem, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise _Fault(400, "incomplete", "the connection was closed before the end of the body") from None
        return bytes(body)

    async def _decided(self, body: bytes, received_at: datetime, answer: Callable[[Any, datetime], _Answer]) -> _Answer:
        try:
            async with asyncio.timeout(self._settings.wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise _busy("too many requests are being decided; send it again") from None
        try:
            return await run_in_threadpool(_parsed_and_answered, body, received_at, answer)
        finally:
            self._places.release()


def _parsed_and_answered(body: bytes, received_at: datetime, answer: Callable[[Any, datetime], _Answer]) -> _Answer:
    """Return the answer to a body. Raises `_Fault`, and nothing else: other errors could quote the request."""
    try:
        return answer(_parsed(body), received_at)
    except EngineNotAvailable:
        raise _busy("the rules cannot be asked at the moment; send it again") from None
    except EngineError:
        raise _Fault(500, "exception", "the rules failed on this request. Have a person review it") from None
    except RequestError as problem:
        raise _Fault(422, "processing", f"the request cannot be decided: {problem.problem}") from None
    except _Fault:
        raise
    except Exception as problem:
        raise _Fault(500, "exception", f"unexpected {type(problem).__name__}. Have a person review it") from None


def _parsed(body: bytes) -> Any:
    try:
        return fhir.loads(body.decode())
    except ValueError:  # it may quote the body
        raise _Fault(400, "structure", "the body is not JSON in UTF-8, or nested too deeply") from None


def _is_json(content_type: str) -> bool:
    """Whether content of this type can be read. Only the parameters that say how to read it count."""
    media_type, *parameters = (each.strip().lower() for each in content_type.split(";"))
    if media_type not in (FHIR_JSON, PLAIN_JSON):
        return False
    values = (
        (name.strip(), value.strip().strip('"')) for name, _, value in (each.partition("=") for each in parameters)
    )
    needed = {"charset": ("utf-8", "utf8"), "fhirversion": (FHIR_VERSION,)}
    return all(value in needed.get(name, (value,)) for name, value in values)


def _busy(problem: str) -> _Fault:
    return _Fault(503, "transient", problem, {"Retry-After": str(RETRY_SECONDS)})


def _plan_facts(request: Request) -> pas.PlanFacts:
    """Return what the plan's own server says in headers. Raises `_Fault` if a value is none that the rules know."""
    values = {
        "benefit_status": (BENEFIT_STATUS, ("covered", "not_covered", "unverified")),
        "medical_necessity": (MEDICAL_NECESSITY, ("established", "not_established", "undetermined")),
        "pediatric": (PEDIATRIC, ("true", "false")),
        "units_already_authorized": (UNITS_ALREADY_AUTHORIZED, tuple(map(str, range(100)))),
        "authorization_number": (AUTHORIZATION_NUMBER, None),
    }
    read: dict[str, Callable[[str], Any]] = {
        "pediatric": lambda value: value == "true",
        "units_already_authorized": int,
    }
    facts: dict[str, Any] = {}
    for name, (header, one_of) in values.items():
        found = request.headers.getlist(header)
        if len(found) > 1 or (found and (not found[0] or (one_of is not None and found[0] not in one_of))):
            raise _Fault(400, "value", f"the header {header} has a value that is not known")
        if found:
            facts[name] = read.get(name, str)(found[0])
    return pas.PlanFacts(**facts)


def _written(body: Json) -> bytes:
    return fhir.dumps(body).encode()


def _response(answer: _Answer, media_type: str) -> Response:
    return Response(answer.body, answer.status, headers=answer.headers, media_type=media_type)
