"""One HTTP session with an OPA sidecar, with a deadline for each whole exchange.

`OpaClient` supplies the session. This module restricts it: it uses no proxy, `.netrc` or redirect, and sends nothing
twice.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import time
from contextvars import ContextVar
from typing import Any

import requests
import urllib3
from opa_client.opa import OpaClient  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_ANSWER_BYTES = 64 << 20  # the largest request, with an error in every field, gets about 25 MB


class OpaSession(OpaClient):  # type: ignore[misc]
    """One session with the sidecar, used by one thread at a time."""

    def __init__(self, host: str, port: int, tls: bool, connect_seconds: float) -> None:
        # Responses are short and come from nearby: compression would cost both sides more than it saves.
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        super().__init__(host, port, ssl=tls, headers=headers, retries=0, timeout=connect_seconds)
        self.process = os.getpid()

    def _init_session(self) -> requests.Session:
        session: requests.Session = super()._init_session()
        session.trust_env = False  # otherwise HTTP_PROXY applies even to localhost, and .netrc adds a password
        if self.ssl:
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        adapter: Any
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return session

    def exchange(self, method: str, url: str, body: bytes | None, deadline: float) -> tuple[int, bytes]:
        """Return the status and content of the response, cut off one byte after `MAX_ANSWER_BYTES`.

        `deadline` is a `time.monotonic` time, in seconds.
        """
        _deadline.set(deadline)
        # `timeout` limits only the connecting; the deadline limits everything after it.
        with self._session.request(
            method, url, data=body, timeout=self.timeout, allow_redirects=False, stream=True
        ) as answer:
            content = b""
            # Read until nothing comes: only then does a response that is shorter than announced raise an error.
            while piece := answer.raw.read(MAX_ANSWER_BYTES + 1 - len(content), decode_content=False):
                content += piece
            return answer.status_code, content


# The timeout of `requests` applies to each read, so a server that sends a byte now and then could block a call forever.
# The connections below check before each send and each read how much time is left.

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
