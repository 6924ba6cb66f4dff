"""Decisions from an OPA sidecar, over its REST API.

`OpaClient` supplies the session. It is tightened here: no proxy, `.netrc` or redirect is followed, nothing is sent
twice, an answer that is no decision is an error, and a deadline holds for a whole exchange rather than for each read.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import os
import re
import socket
import time
from collections import deque
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from opa_client.opa import OpaClient  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection

from therapy_policy.decision import Client
from therapy_policy.errors import (
    EngineError,
    EngineNotAvailable,
    RequestTooLarge,
    SidecarUrlInvalid,
    TherapyPolicyError,
)

MAX_ANSWER_BYTES = 64 << 20  # a request of the largest size that is wrong in every place is answered with some 25 MB


class SidecarClient(Client):
    """Decides by asking an OPA sidecar that runs the policy, as `therapy-policy serve` starts it.

    `url` is its scheme, host and port. `deadline_seconds` is how long one exchange with it may take, from connecting to
    the last byte of the answer; `decide_many` and `decide_texts` need one for each 1,000 requests. Not counted is how
    long it takes to look up the host's name, and where that has several addresses each of them is tried so long.

    Any number of threads may share a client. Each exchange has a connection to itself, which is kept and used again;
    there are as many as were ever needed at the same time. None is used by a forked process that was opened before the
    fork. Of the environment only REQUESTS_CA_BUNDLE is heeded, the file of the authorities that an https URL trusts.

    Raises `SidecarUrlInvalid` for a URL that cannot be asked. No connection is made before the first request.
    """

    def __init__(self, url: str = "http://127.0.0.1:8181", *, deadline_seconds: float = 5.0) -> None:
        if not 0 < deadline_seconds < math.inf:
            raise ValueError("deadline_seconds must be a number of seconds greater than 0.")
        self._host, self._port, self._tls = _parts(url)
        self._url = f"http{'s' if self._tls else ''}://{self._host}:{self._port}"
        self._deadline_seconds = deadline_seconds
        self._idle: deque[_Opa] = deque()
        self._closed = False

    def ready(self) -> bool:
        """Say whether the sidecar answers and has its policy: `/health?bundles&plugins`."""
        try:
            status, _ = self._exchange("GET", "/health?bundles&plugins")
        except (EngineNotAvailable, EngineError):
            return False
        return status == http.client.OK

    def close(self) -> None:
        self._closed = True
        self._close_idle()

    def _ask(self, entry_point: str, text: str) -> object:
        # Pasted, not built: the text's numbers stay as they are written. It is one JSON value, so it cannot break out.
        status, content = self._exchange("POST", f"/v1/data/{entry_point}", b'{"input": ' + text.encode() + b"}")
        if status != http.client.OK:
            raise self._refusal(status, content)
        answer = _json_object(content)
        if answer is None:
            raise EngineError(f"What answered at {self._url} is no OPA. See that the URL is the sidecar's.")
        if "result" not in answer:
            raise EngineError(
                f"The OPA at {self._url} does not have the therapy policy, or not yet. Start a sidecar with "
                "`therapy-policy serve`, and wait until /health?bundles&plugins answers 200."
            )
        return answer["result"]

    def _refusal(self, status: int, content: bytes) -> TherapyPolicyError:
        answer = _json_object(content) or {}
        if status == http.client.REQUEST_ENTITY_TOO_LARGE or answer.get("message") == "request body too large":
            return RequestTooLarge("it has more bytes than the sidecar takes; see server.decoding.max_length there")
        if status in range(300, 400):
            return EngineError(f"{self._url} redirects, which is not followed. Give the sidecar's own URL.")
        # OPA's message is left out, for it may quote the request.
        code = answer.get("code")
        named = f", {code}" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
        return EngineError(f"The sidecar at {self._url} refused the request (HTTP {status}{named}). See its log.")

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return the status and the content of the sidecar's answer."""
        opa = self._take()
        deadline = time.monotonic() + self._deadline_seconds
        _deadline.set(deadline)
        try:
            status, content = opa.exchange(method, self._url + path, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            opa.close_connection()
            failure = self._failure(error, late=time.monotonic() >= deadline)
        else:
            self._give_back(opa)
            if len(content) <= MAX_ANSWER_BYTES:
                return status, content
            failure = EngineError(f"The answer from {self._url} has over {MAX_ANSWER_BYTES >> 20} MiB. See its log.")
        raise failure  # not in the handler: the error that would be carried along holds the request

    def _failure(self, error: Exception, late: bool) -> TherapyPolicyError:
        if late or isinstance(error, requests.Timeout):
            return EngineNotAvailable(
                f"No whole answer from {self._url} within {self._deadline_seconds:g} s. "
                "See whether the sidecar is well, or give it more time with `deadline_seconds`."
            )
        broken_off = urllib3.exceptions.ProtocolError
        if isinstance(error, broken_off) or (error.args and isinstance(error.args[0], broken_off)):
            return EngineError(f"The sidecar at {self._url} broke off, or does not speak HTTP. See its log.")
        if isinstance(error, requests.exceptions.SSLError):
            return EngineNotAvailable(
                f"No secure connection to {self._url}. See that the sidecar speaks TLS, with a certificate for that "
                "host; where an authority of your own signed it, name its file in REQUESTS_CA_BUNDLE."
            )
        return EngineNotAvailable(
            f"Nothing answers at {self._url}. Start a sidecar with `therapy-policy serve`, or give another URL."
        )

    # A session of `requests` is not safe to share between threads, so whoever asks takes one for himself.

    def _take(self) -> _Opa:
        if self._closed:
            raise EngineNotAvailable("This client is closed. Make another one.")
        while opa := self._pop_idle():
            # A connection shared with the process that this one was forked from would mix up their answers.
            if opa.process == os.getpid():
                return opa
        return _Opa(self._host, self._port, self._tls, self._deadline_seconds)

    def _give_back(self, opa: _Opa) -> None:
        self._idle.append(opa)
        if self._closed:  # meanwhile
            self._close_idle()

    def _close_idle(self) -> None:
        while opa := self._pop_idle():
            opa.close_connection()

    def _pop_idle(self) -> _Opa | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _parts(url: str) -> tuple[str, int, bool]:
    """Return the host (in brackets if it is an IPv6 address), the port, and whether the scheme is https."""
    problem = None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        problem = "it is malformed"
    else:
        if parts.scheme not in ("http", "https"):
            problem = "its scheme is neither http nor https"
        elif "@" in parts.netloc:
            problem = "it names a user"
        elif not parts.hostname or not re.fullmatch(r"[\w.:%-]+", parts.hostname):
            problem = "it names no host"
        elif port == 0:
            problem = "its port is 0"
        elif parts.path not in ("", "/") or parts.query or parts.fragment:
            problem = "it goes on after the port"
        else:
            tls = parts.scheme == "https"
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return host, port or (443 if tls else 80), tls
    raise SidecarUrlInvalid(
        f"The sidecar's URL cannot be used: {problem}. Give scheme, host and port alone, as in http://127.0.0.1:8181."
    )


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# --- OpaClient, tightened


class _Opa(OpaClient):  # type: ignore[misc]
    """One session with the sidecar; for one thread at a time."""

    def __init__(self, host: str, port: int, tls: bool, timeout: float) -> None:
        # Answers are short and come from close by: compressing them would cost both sides more than it saves.
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        super().__init__(host, port, ssl=tls, headers=headers, retries=0, timeout=timeout)
        self.process = os.getpid()

    def _init_session(self) -> requests.Session:
        session: requests.Session = super()._init_session()
        session.trust_env = False  # HTTP_PROXY holds even for localhost, and .netrc would add a password
        if self.ssl:
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        adapter: Any
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return session

    def exchange(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        """Return the answer's status and content, of which at most one byte more than `MAX_ANSWER_BYTES` is read."""
        # `timeout` holds for connecting alone: what follows keeps to `_deadline`.
        with self._session.request(
            method, url, data=body, timeout=self.timeout, allow_redirects=False, stream=True
        ) as answer:
            content = b""
            # Read on until nothing comes, for only that finds out an answer that is shorter than announced.
            while piece := answer.raw.read(MAX_ANSWER_BYTES + 1 - len(content), decode_content=False):
                content += piece
            return answer.status_code, content


# --- A deadline for a whole exchange
#
# A timeout of `requests` is one for each read, so that whoever sends a byte now and then could hold a call forever. The
# connections below ask before each send and each read how much time is left.

_deadline: ContextVar[float] = ContextVar("deadline")  # of the exchange in this thread, by time.monotonic


def _seconds_left() -> float:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _TimelyReader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, connected: socket.socket) -> None:
        self._raw = raw
        self._socket = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimelyResponse(http.client.HTTPResponse):
    def __init__(self, connected: socket.socket, *options: Any, **more_options: Any) -> None:
        super().__init__(connected, *options, **more_options)
        self.fp = io.BufferedReader(_TimelyReader(self.fp.detach(), connected))


class _HttpConnection(HTTPConnection):
    response_class = _TimelyResponse

    def send(self, data: Any) -> None:
        if self.sock:
            self.sock.settimeout(_seconds_left())
        super().send(data)


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
