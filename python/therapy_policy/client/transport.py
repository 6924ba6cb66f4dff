"""One HTTP session with an OPA sidecar, with a deadline for each whole exchange.

`OpaClient` supplies the session. This module restricts it: it uses no proxy, `.netrc` or redirect, and repeats no
request.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from opa_client.opa import OpaClient  # type: ignore[import-untyped]

from therapy_policy.client.endpoint import MAX_ANSWER_BYTES, Endpoint, Query, Response, half_way_to
from therapy_policy.deadlines import HttpPool, HttpsPool, ends_at, seconds_left


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
            "http": partial(HttpPool, socket_options=endpoint.socket_options(), socket_path=endpoint.socket_path),
            "https": partial(HttpsPool, socket_options=endpoint.socket_options()),
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
        ends_at.set(half_way_to(deadline) if half_time else deadline)
        # `timeout` limits only the connecting; the deadline limits everything after it.
        with self._session.request(
            query.method,
            self._endpoint.base_url + query.path,
            data=query.body,
            timeout=seconds_left(),
            allow_redirects=False,
            stream=True,
        ) as answer:
            self.answered = True
            ends_at.set(deadline)
            content = b""
            # Read until nothing comes: only then does a response that is shorter than announced raise an error.
            while piece := answer.raw.read(MAX_ANSWER_BYTES + 1 - len(content), decode_content=False):
                content += piece
            return answer.status_code, content
