"""Decisions from an OPA sidecar, over its REST API.

A response that is not a decision is an error. The deadline applies to a whole exchange, not to each read.
"""

from __future__ import annotations

import os
import time
from http import HTTPStatus

import requests
import urllib3

from therapy_policy.client.decision import AGAIN_DEADLINES, Client
from therapy_policy.client.endpoint import HEALTH, Endpoint, IdleConnections, Query, Response, causes, query
from therapy_policy.client.transport import OpaSession
from therapy_policy.errors import EngineError, EngineNotAvailable


class SidecarClient(Client):
    """Gets decisions from an OPA sidecar that runs the policy, such as one started by `therapy-policy serve`.

    `url` is the sidecar's scheme, host and port, or its unix socket as in `unix:///run/therapy-policy/opa.sock`.
    `deadline_seconds` limits one exchange, from connecting to the last byte of the response; `decide_many`,
    `decide_texts` and `answers` make one exchange for up to 1,000 requests. If that fails, but the sidecar still
    decides, these requests are sent one by one, for up to four deadlines in all; those without a decision by then fail.
    The DNS lookup does not count, and each address of a host name gets the full time to connect. `policy_version`, such
    as "2.0.0", rejects the decisions of any other version.

    `token` is sent as `Authorization: Bearer`. `ca_file` names the PEM file of the certificate authorities that an
    https URL trusts; the default is REQUESTS_CA_BUNDLE, the only environment variable in use, or else the public
    authorities. `client_certificate` names two PEM files: the certificate of this client and its key. Changed
    certificate files apply to the next connection.

    Any number of threads can share a client. Each exchange has its own connection, which is reused unless it was idle
    for more than 5 s or belongs to another process. If a reused connection turns out to be dead, the request is sent
    once more over a new one, within the same deadline.

    The first request opens the first connection. Raises `SidecarUrlInvalid` for a URL that cannot be used, also for a
    token that would cross a network without TLS; `FileNotUsable` for a certificate file that cannot be used; and
    `ValueError` for a deadline that is not a positive number, or a malformed token.
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
    ) -> None:
        self._endpoint = Endpoint(url, deadline_seconds, token, ca_file, client_certificate)
        self._policy_version = policy_version
        self._again_seconds = AGAIN_DEADLINES * deadline_seconds
        self._idle: IdleConnections[OpaSession] = IdleConnections(os.getpid)

    def ready(self) -> bool:
        """Return whether the sidecar answers and has loaded its policy (`/health?bundles&plugins`)."""
        try:
            status, _ = self._exchange(HEALTH)
        except (EngineNotAvailable, EngineError):
            return False
        return status == HTTPStatus.OK

    def close(self) -> None:
        self._idle.closed = True
        self._close_idle()

    def _ask(self, entry_point: str, text: str) -> object:
        return self._ask_within(None, entry_point, text)

    def _ask_within(self, seconds: float | None, entry_point: str, text: str) -> object:
        return self._endpoint.result(self._exchange(query(entry_point, text), seconds))

    def _exchange(self, query: Query, seconds: float | None = None) -> Response:
        """Return the sidecar's response, within `deadline_seconds` and `seconds`."""
        seconds = self._endpoint.seconds(seconds)
        deadline = time.monotonic() + seconds
        outcome: Response | Exception | None = None
        if idle := self._idle.take(batch=query.batch):
            opa, trusted = idle
            outcome = self._attempt(opa, query, deadline, half_time=not trusted)
            if isinstance(outcome, Exception) and not opa.answered and time.monotonic() < deadline:
                outcome = None  # it died while it was idle
        if outcome is None:
            outcome = self._attempt(OpaSession(self._endpoint), query, deadline)
        if isinstance(
            outcome, Exception
        ):  # raised outside a handler, where it would carry an error that holds the request
            connected = any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in causes(outcome))
            raise self._endpoint.failure(outcome, seconds, late=time.monotonic() >= deadline, connected=connected)
        return outcome

    # Threads cannot share a session of `requests`, so each attempt has its own.

    def _attempt(
        self, opa: OpaSession, query: Query, deadline: float, *, half_time: bool = False
    ) -> Response | Exception:
        try:
            response = opa.exchange(query, deadline, half_time=half_time)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            opa.close_connection()
            self._close_idle(every=True)  # they have probably died of the same cause
            return error
        except BaseException:  # such as Ctrl-C
            opa.close_connection()
            raise
        self._idle.give_back(opa)
        self._close_idle()
        return response

    def _close_idle(self, *, every: bool = False) -> None:
        for opa in self._idle.drop(every=every):
            opa.close_connection()
