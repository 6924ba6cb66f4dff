"""HTTP connections that end at a deadline.

The timeout of `requests` applies to each read, so a server that sends a byte now and then could block a call forever.
The connections here check before each send and each read how much time is left. A DNS lookup is not limited.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextvars import ContextVar
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

ends_at: ContextVar[float] = ContextVar("ends_at")  # the deadline of this thread, by time.monotonic


def seconds_left() -> float:
    """Return the time until the deadline of this thread, in seconds. Raises `TimeoutError` if it has passed."""
    left = ends_at.get() - time.monotonic()
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
        self._socket.settimeout(seconds_left())
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
            self.sock.settimeout(seconds_left())
        super().send(data)


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class HttpPool(urllib3.HTTPConnectionPool):
    """Connections that end at the deadline; with `socket_path`, to a unix socket."""

    ConnectionCls = _HttpConnection


class HttpsPool(urllib3.HTTPSConnectionPool):
    """Connections over TLS that end at the deadline."""

    ConnectionCls = _HttpsConnection
