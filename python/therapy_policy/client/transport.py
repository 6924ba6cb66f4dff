"""One HTTP session with an OPA sidecar, with a deadline for each whole exchange.

`OpaClient` supplies the session. This module restricts it: it uses no proxy, `.netrc` or redirect, and repeats no
request.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextvars import ContextVar
from functools import partial
from typing import Any

import requests
import urllib3
from opa_client.opa import OpaClient  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection

from therapy_policy.client.endpoint import MAX_ANSWER_BYTES, Endpoint, Query, Response, half_way_to


class OpaSession(OpaClient):  # type: ignore[misc]
    """One session with the sidecar, used by one thread at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.answered = False  # whether the last request got at least the head of a response
        super().__init__(endpoint.host, endpoint.port, ssl=endpoint.tls, headers=endpoint.headers, retries=0)

    def _init_session(self) -> requests.Session:
        session: requests.Session = super()._init_session()
        session.trust_env = False  # otherwise HTTP_PROXY applies even to localhost, and .netrc adds a password
        endpoint = self._endpoint
        session.verify = endpoint.ca_file
        session.cert = endpoint.client_certificate
        pools = {
            "http": partial(_HttpPool, socket_options=endpoint.socket_options(), socket_path=endpoint.socket_path),
            "https": partial(_HttpsPool, socket_options=endpoint.socket_options()),
        }
        adapter: Any
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools
        return session

    def exchange(self, query: Query, deadline: float, *, half_time: bool) -> Response:
        """Return the status and content of the response, cut off one byte after `MAX_ANSWER_BYTES`.

        `deadline` is a `time.monotonic` time, in seconds. With `half_time`, the head of the response must come within
        half of the time until then.
        """
        self.answered = False
        _deadline.set(half_way_to(deadline) if half_time else deadline)
        # `timeout` limits only the connecting; the deadline limits everything after it.
        with self._session.request(
            query.method,
            self._endpoint.base_url + query.path,
            data=query.body,
            timeout=_seconds_left(),
            allow_redirects=False,
            stream=True,
        ) as answer:
            self.answered = True
            _deadline.set(deadline)
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

    def __init__(self, *options: Any, socket_path: str | None = None, **more_options: Any) -> None:
        super().__init__(*options, **more_options)
        self._socket_path = socket_path

    def _new_conn(self) -> socket.socket:
        if self._socket_path is None:
            return super()._new_conn()
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(self.timeout)
            connected.connect(self._socket_path)
        except OSError as error:
            connected.close()
            raise urllib3.exceptions.NewConnectionError(self, "no server answers at the socket") from error
        return connected

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
