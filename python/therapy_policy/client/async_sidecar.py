"""Decisions from an OPA sidecar, for asyncio."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import Self

from therapy_policy.client.decision import (
    AGAIN_DEADLINES,
    ANSWER,
    DECISION,
    Answered,
    Decision,
    Engine,
    each_as_text,
)
from therapy_policy.client.endpoint import (
    HEALTH,
    MAX_ANSWER_BYTES,
    Endpoint,
    IdleConnections,
    Query,
    Response,
    half_way_to,
    query,
)
from therapy_policy.client.request_text import checked_text, request_text
from therapy_policy.errors import EngineError, EngineNotAvailable

try:
    import httpx
except ImportError:
    raise ImportError("AsyncSidecarClient needs httpx. Run: pip install 'therapy-policy[async]'") from None


class AsyncSidecarClient:
    """Gets decisions from an OPA sidecar, for asyncio: `SidecarClient` with methods to await.

    The options are those of `SidecarClient`. `max_connections` limits how many exchanges run at the same time; the
    others wait their turn, and `deadline_seconds` includes the wait and the DNS lookup.

    Any number of tasks of one event loop can share a client. A task that is canceled leaves nothing behind. Use the
    client as `async with AsyncSidecarClient(…) as client`, or call `aclose`.

    Every method that decides raises what the methods of `SidecarClient` raise.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8181",
        *,
        deadline_seconds: float = 5.0,
        policy_version: str | None = None,
        token: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_certificate: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None = None,
        max_connections: int = 32,
    ) -> None:
        if max_connections < 1:
            raise ValueError("max_connections must be at least 1.")
        self._endpoint = Endpoint(url, deadline_seconds, token, ca_file, client_certificate)
        self._engine = Engine(self._ask, policy_version, None, AGAIN_DEADLINES * deadline_seconds)
        self._turns = asyncio.Semaphore(max_connections)
        self._idle: IdleConnections[_Connection] = IdleConnections(lambda: (os.getpid(), asyncio.get_running_loop()))

    async def decide(self, request: object) -> Decision:
        """Decide one request, a JSON value as `json.loads` returns it."""
        return await self._engine.one(DECISION, request_text(request))

    async def decide_text(self, text: str | bytes) -> Decision:
        """Decide one request given as JSON text (bytes are UTF-8). The policy sees its numbers exactly as written."""
        return await self._engine.one(DECISION, checked_text(text))

    async def decide_many(self, requests: Iterable[object]) -> list[Decision]:
        """Decide requests, JSON values as in `decide`, and return the decisions in the same order.

        This is several times faster than one call per request. All requests are read before the first is decided, so
        split a very long series into parts. If the engine fails on a request, the others are decided within a limited
        time, and the `EngineError` has their `decisions`.
        """
        return await self._engine.many(DECISION, each_as_text(requests, request_text))

    async def decide_texts(self, texts: Iterable[str | bytes]) -> list[Decision]:
        """Decide requests given as JSON texts, and return the decisions in the same order; see `decide_many`."""
        return await self._engine.many(DECISION, each_as_text(texts, checked_text))

    async def answer(self, request: object) -> Answered:
        """Decide one request, a JSON value as in `decide`; return the decision with its standard answer."""
        return await self._engine.one(ANSWER, request_text(request))

    async def answer_text(self, text: str | bytes) -> Answered:
        """Decide one request given as JSON text, as in `decide_text`; return the decision with its standard answer."""
        return await self._engine.one(ANSWER, checked_text(text))

    async def answers(self, requests: Iterable[object]) -> list[Answered]:
        """Decide requests as `decide_many` does; return each decision with its standard answer, in the same order."""
        return await self._engine.many(ANSWER, each_as_text(requests, request_text))

    async def ready(self) -> bool:
        """Return whether the sidecar answers and has loaded its policy (`/health?bundles&plugins`)."""
        try:
            status, _ = await self._exchange(HEALTH)
        except (EngineNotAvailable, EngineError):
            return False
        return status == HTTPStatus.OK

    async def aclose(self) -> None:
        """Close the connections. Later requests raise `EngineNotAvailable`; a second call does nothing."""
        self._idle.closed = True
        await self._close_idle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, entry_point: str, text: str, seconds: float | None = None) -> object:
        return self._endpoint.result(await self._exchange(query(entry_point, text), seconds))

    async def _exchange(self, query: Query, seconds: float | None = None) -> Response:
        """Return the sidecar's response, within `deadline_seconds` and `seconds`."""
        seconds = self._endpoint.seconds(seconds)
        deadline = time.monotonic() + seconds
        outcome: Response | Exception | None = None
        if not await self._turn(deadline):
            raise self._endpoint.timeout(seconds)
        try:
            if idle := self._idle.take(batch=query.batch):
                connection, trusted = idle
                outcome = await self._attempt(connection, query, deadline, half_time=not trusted)
                if isinstance(outcome, Exception) and not connection.answered and time.monotonic() < deadline:
                    outcome = None  # it died while it was idle
            if outcome is None:
                outcome = await self._attempt(_Connection(self._endpoint), query, deadline)
        finally:
            self._turns.release()
        if isinstance(outcome, Exception):  # raised outside a handler, where it would carry an error with the request
            connected = isinstance(outcome, (httpx.ReadError, httpx.WriteError, httpx.ProtocolError))
            raise self._endpoint.failure(outcome, seconds, late=time.monotonic() >= deadline, connected=connected)
        return outcome

    async def _turn(self, deadline: float) -> bool:
        """Wait for a turn until the deadline; return whether it came."""
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._turns.acquire()
        except TimeoutError:
            return False

    async def _attempt(
        self, connection: _Connection, query: Query, deadline: float, *, half_time: bool = False
    ) -> Response | Exception:
        try:
            response = await connection.exchange(query, deadline, half_time=half_time)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            await connection.aclose()
            await self._close_idle(every=True)  # they have probably died of the same cause
            return error
        except BaseException:  # such as the cancellation of the task
            await connection.aclose()
            raise
        self._idle.give_back(connection)
        await self._close_idle()
        return response

    async def _close_idle(self, *, every: bool = False) -> None:
        for connection in self._idle.drop(every=every):
            await connection.aclose()


class _Connection:
    """One connection to the sidecar, used by one task at a time.

    It is a transport of httpx without a client around it: so it uses no proxy, `.netrc` or redirect.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.answered = False  # whether the last request got at least the head of a response
        self._endpoint = endpoint
        # A context without authorities trusts nobody: without TLS, none is needed, and loading them takes a while.
        tls_context = endpoint.tls_context() if endpoint.tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls_context,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=None),
            uds=endpoint.socket_path,
            socket_options=None if endpoint.socket_path else endpoint.socket_options(),
        )

    async def exchange(self, query: Query, deadline: float, *, half_time: bool) -> Response:
        """Return the status and content of the response, cut off after `MAX_ANSWER_BYTES`.

        `deadline` is a `time.monotonic` time, in seconds. With `half_time`, the head of the response must come within
        half of the time until then.
        """
        self.answered = False
        url = self._endpoint.base_url + query.path
        request = httpx.Request(query.method, url, headers=self._endpoint.headers, content=query.body)
        answer_by = half_way_to(deadline) if half_time else deadline
        async with asyncio.timeout(answer_by - time.monotonic()):
            response = await self._transport.handle_async_request(request)
        self.answered = True
        content = bytearray()
        async with asyncio.timeout(deadline - time.monotonic()):
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    break
            await response.aclose()  # this closes a connection with more to read
        return response.status_code, bytes(content)

    async def aclose(self) -> None:
        await self._transport.aclose()
