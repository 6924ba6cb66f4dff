"""Decisions from an OPA sidecar, over its REST API.

An answer that is not a decision is an error, and a deadline applies to a whole exchange rather than to each read.
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
        self._idle: deque[OpaSession] = deque()
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
        try:
            status, content = opa.exchange(method, self._url + path, body, deadline)
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

    def _take(self) -> OpaSession:
        if self._closed:
            raise EngineNotAvailable("This client is closed. Make another one.")
        while opa := self._pop_idle():
            # A connection shared with the process that this one was forked from would mix up their answers.
            if opa.process == os.getpid():
                return opa
        return OpaSession(self._host, self._port, self._tls, self._deadline_seconds)

    def _give_back(self, opa: OpaSession) -> None:
        self._idle.append(opa)
        if self._closed:  # meanwhile
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
