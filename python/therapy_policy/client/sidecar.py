"""Decisions from an OPA sidecar, over its REST API.

A response that is not a decision is an error. The deadline applies to a whole exchange, not to each read.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from therapy_policy.client.decision import Client
from therapy_policy.client.transport import MAX_ANSWER_BYTES, OpaSession
from therapy_policy.errors import (
    EngineError,
    EngineNotAvailable,
    RequestTooLarge,
    SidecarUrlInvalid,
    TherapyPolicyError,
)


class SidecarClient(Client):
    """Gets decisions from an OPA sidecar that runs the policy, such as one started by `therapy-policy serve`.

    `url` is the sidecar's scheme, host and port. `deadline_seconds` limits one exchange, from connecting to the last
    byte of the response; `decide_many` and `decide_texts` make one exchange for up to 1,000 requests. The DNS lookup
    does not count, and each address of a host name gets the full time to connect.

    Any number of threads can share a client. Each exchange has its own connection; idle connections are kept and
    reused, except by a forked process. The only environment variable in use is REQUESTS_CA_BUNDLE, the file of the
    certificate authorities that an https URL trusts.

    The first request opens the first connection. Raises `SidecarUrlInvalid` for a URL that cannot be used, and
    `ValueError` for a deadline that is not a positive number.
    """

    def __init__(self, url: str = "http://127.0.0.1:8181", *, deadline_seconds: float = 5.0) -> None:
        if not 0 < deadline_seconds < math.inf:
            raise ValueError("deadline_seconds must be a number of seconds greater than 0.")
        self._host, self._port, self._tls = _parts(url)
        self._url = f"http{'s' if self._tls else ''}://{self._host}:{self._port}"
        self._deadline_seconds = deadline_seconds
        self._idle: deque[OpaSession] = deque()
        self._closed = False

    def ready(self) -> bool:
        """Return whether the sidecar answers and has loaded its policy (`/health?bundles&plugins`)."""
        try:
            status, _ = self._exchange("GET", "/health?bundles&plugins")
        except (EngineNotAvailable, EngineError):
            return False
        return status == http.client.OK

    def close(self) -> None:
        self._closed = True
        self._close_idle()

    def _ask(self, entry_point: str, text: str) -> object:
        # Concatenated, so that numbers stay as written. The text is one JSON value, so it cannot break out.
        status, content = self._exchange("POST", f"/v1/data/{entry_point}", b'{"input": ' + text.encode() + b"}")
        if status != http.client.OK:
            raise self._refusal(status, content)
        answer = _json_object(content)
        if answer is None:
            raise EngineError(f"The server at {self._url} is not OPA. Check the URL.")
        if "result" not in answer:
            raise EngineError(
                f"OPA at {self._url} has not loaded the therapy policy. Start a sidecar with `therapy-policy serve`, "
                "and wait until /health?bundles&plugins returns 200."
            )
        return answer["result"]

    def _refusal(self, status: int, content: bytes) -> TherapyPolicyError:
        answer = _json_object(content) or {}
        if status == http.client.REQUEST_ENTITY_TOO_LARGE or answer.get("message") == "request body too large":
            return RequestTooLarge(
                "it has more bytes than the sidecar accepts; see server.decoding.max_length in its configuration"
            )
        if status in range(300, 400):
            return EngineError(
                f"{self._url} redirects to another URL, which is not allowed. Give the sidecar's own URL."
            )
        # OPA's message is left out because it may quote the request.
        code = answer.get("code")
        code_note = f", {code}" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
        return EngineError(
            f"The sidecar at {self._url} rejected the request (HTTP {status}{code_note}). Check its log."
        )

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return the status and content of the sidecar's response."""
        opa = self._borrow()
        deadline = time.monotonic() + self._deadline_seconds
        try:
            status, content = opa.exchange(method, self._url + path, body, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            opa.close_connection()
            failure = self._failure(error, late=time.monotonic() >= deadline)
        else:
            self._give_back(opa)
            if len(content) <= MAX_ANSWER_BYTES:
                return status, content
            failure = EngineError(
                f"The response from {self._url} is over {MAX_ANSWER_BYTES >> 20} MiB. Check the sidecar's log."
            )
        raise failure  # outside the handler: otherwise it would carry an error that holds the request

    def _failure(self, error: Exception, late: bool) -> TherapyPolicyError:
        if late or isinstance(error, requests.Timeout):
            return EngineNotAvailable(
                f"No complete response from {self._url} within {self._deadline_seconds:g} s. "
                "Check the sidecar, or raise `deadline_seconds`."
            )
        protocol_error = urllib3.exceptions.ProtocolError
        if isinstance(error, protocol_error) or (error.args and isinstance(error.args[0], protocol_error)):
            return EngineError(
                f"The server at {self._url} closed the connection, or is not an HTTP server. Check its log."
            )
        if isinstance(error, requests.exceptions.SSLError):
            return EngineNotAvailable(
                f"No secure connection to {self._url}. Check that the sidecar uses TLS with a certificate for that "
                "host. If your own certificate authority signed it, set REQUESTS_CA_BUNDLE to the authority's file."
            )
        return EngineNotAvailable(
            f"No server answers at {self._url}. Start a sidecar with `therapy-policy serve`, or give another URL."
        )

    # Threads cannot share a session of `requests`, so each call borrows its own.

    def _borrow(self) -> OpaSession:
        if self._closed:
            raise EngineNotAvailable("This client is closed. Create another one.")
        while opa := self._pop_idle():
            # If two processes shared a connection after a fork, each could read the other's responses.
            if opa.process == os.getpid():
                return opa
        return OpaSession(self._host, self._port, self._tls, self._deadline_seconds)

    def _give_back(self, opa: OpaSession) -> None:
        self._idle.append(opa)
        if self._closed:  # in the meantime, by another thread
            self._close_idle()

    def _close_idle(self) -> None:
        while opa := self._pop_idle():
            opa.close_connection()

    def _pop_idle(self) -> OpaSession | None:
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
            problem = "it has a user name"
        elif not parts.hostname or not re.fullmatch(r"[\w.:%-]+", parts.hostname):
            problem = "it has no host"
        elif port == 0:
            problem = "its port is 0"
        elif parts.path not in ("", "/") or parts.query or parts.fragment:
            problem = "it continues after the port"
        else:
            tls = parts.scheme == "https"
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return host, port or (443 if tls else 80), tls
    raise SidecarUrlInvalid(
        f"The sidecar's URL cannot be used: {problem}. Give only a scheme, host and port, as in http://127.0.0.1:8181."
    )


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
