"""What both sidecar clients share: where the sidecar is, who asks, what its responses mean, and idle connections."""

from __future__ import annotations

import math
import os
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import certifi

from therapy_policy import nesting
from therapy_policy.errors import (
    EngineError,
    EngineNotAvailable,
    EngineTimeout,
    FileNotUsable,
    RequestTooLarge,
    SidecarUrlInvalid,
    TherapyPolicyError,
)

MAX_ANSWER_BYTES = 64 << 20  # the largest request, with an error in every field, gets about 25 MB

# A firewall, a load balancer or a proxy forgets an idle connection, often without telling either end. nginx closes
# one after 75 s by default. A new connection costs about as much as a decision, so an old one is not worth the risk.
MAX_IDLE_SECONDS = 5.0
# A connection that was idle for longer than this may be dead: it gets half of the time, and then the request is sent
# again over a new one. Under load, connections are not idle for that long, so a slow sidecar gets nothing twice.
TRUSTED_IDLE_SECONDS = 0.1

Response = tuple[int, bytes]  # status and content


class Query(NamedTuple):
    """A request to the sidecar, as HTTP."""

    method: str
    path: str
    body: bytes | None
    batch: bool


BATCHES = ("therapy/decisions", "therapy/answers")
HEALTH = Query("GET", "/health?bundles&plugins", None, False)


def query(entry_point: str, text: str) -> Query:
    """Return the HTTP request that sends JSON text to an entry point of the policy."""
    # Concatenated, so that numbers stay as written. The text is one JSON value, so it cannot break out.
    body = b'{"input": ' + text.encode() + b"}"
    return Query("POST", f"/v1/data/{entry_point}", body, entry_point in BATCHES)


class Endpoint:
    """A sidecar's URL with what a client needs to connect to it. Nothing here shows the token.

    Raises `SidecarUrlInvalid`, `FileNotUsable` and `ValueError`, as `SidecarClient` documents.
    """

    def __init__(
        self,
        url: str,
        deadline_seconds: float,
        token: str | None,
        ca_file: str | os.PathLike[str] | None,
        client_certificate: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None,
    ) -> None:
        if not 0 < deadline_seconds < math.inf:
            raise ValueError("deadline_seconds must be a number of seconds greater than 0.")
        self.deadline_seconds = deadline_seconds
        self.scheme, self.host, self.port, self.socket_path = _parts(url)
        self.tls = self.scheme == "https"
        self.base_url = f"{self.scheme}://{self.host}:{self.port}"
        self.url = self.base_url if self.socket_path is None else f"unix://{self.socket_path}"  # for messages
        if not self.tls and (ca_file or client_certificate):
            raise SidecarUrlInvalid("A certificate needs an https URL. Give one, or no certificate.")
        self.ca_file = os.fspath(ca_file or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())
        self.client_certificate = client_certificate and (
            os.fspath(client_certificate[0]),
            os.fspath(client_certificate[1]),
        )
        if self.tls:
            self.tls_context()  # so that a file that cannot be used is reported now
        # Responses are short and come from nearby: compression would cost both sides more than it saves.
        self.headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if token is not None:
            self._check_token(token)
            self.headers["Authorization"] = f"Bearer {token}"

    def _check_token(self, token: str) -> None:
        if not re.fullmatch(r"[\w.~+/=-]+", token, re.ASCII):
            raise ValueError("The token must be one word of letters, digits and . _ ~ + / = - (RFC 6750).")
        if self.scheme == "http" and self.socket_path is None and not _is_loopback(self.host):
            raise SidecarUrlInvalid(
                "A token would cross the network in clear. Give an https URL, a unix socket, or a loopback address."
            )

    def tls_context(self) -> ssl.SSLContext:
        """Return the settings for TLS. The files are read again after they change."""
        files = (self.ca_file, *(self.client_certificate or ()))
        for file in files:
            try:
                with open(file, "rb"):
                    pass
            except OSError as error:
                raise FileNotUsable(f"{file} cannot be read ({error.strerror}). Name a PEM file.") from None
        return _tls_context(self.ca_file, self.client_certificate, *map(os.path.getmtime, files))

    def socket_options(self) -> list[tuple[int, int, int]]:
        """Return the options of a TCP connection: send at once, and notice it when nothing sent is acknowledged."""
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # not on macOS
            milliseconds = max(1, int(self.deadline_seconds * 500))  # half of the deadline, so that a retry has time
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds))
        return options

    # --- responses

    def result(self, response: Response) -> object:
        """Return the result in a response. Raises what the status means, or `EngineError`."""
        status, content = response
        if len(content) > MAX_ANSWER_BYTES:
            raise EngineError(
                f"The response from {self.url} is over {MAX_ANSWER_BYTES >> 20} MiB. Check the sidecar's log."
            )
        if status != HTTPStatus.OK:
            raise self._refusal(status, content)
        answer = _json_object(content)
        if answer is None:
            raise EngineError(f"The server at {self.url} is not OPA. Check the URL.")
        if "result" not in answer:
            raise EngineError(
                f"OPA at {self.url} has not loaded the therapy policy. Start a sidecar with `therapy-policy serve`, "
                "and wait until /health?bundles&plugins returns 200."
            )
        return answer["result"]

    def _refusal(self, status: int, content: bytes) -> TherapyPolicyError:
        """Return what a status means. It alone decides: OPA's wording changes, and a proxy has its own."""
        match status:
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return RequestTooLarge(
                    "it has more bytes than the sidecar accepts; see client_max_body_size of its proxy and "
                    "server.decoding.max_length of OPA"
                )
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return EngineNotAvailable(
                    f"The sidecar at {self.url} is overloaded or not ready (HTTP {status}). Send fewer requests at a "
                    "time, and wait before you try again."
                )
            case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.BAD_GATEWAY | HTTPStatus.GATEWAY_TIMEOUT:
                return EngineTimeout(
                    f"The proxy at {self.url} got no response in time (HTTP {status}). Check that OPA runs behind it."
                )
            case HTTPStatus.BAD_REQUEST:
                return EngineError(
                    f"The server at {self.url} does not accept the request in this form (HTTP 400). Check that it "
                    "accepts bodies of 1,049,600 bytes, and whether it expects https or a client certificate."
                )
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return EngineError(
                    f"The sidecar at {self.url} does not accept this client (HTTP {status}). Check the token or the "
                    "client certificate, and that the sidecar runs the therapy policy."
                )
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                return EngineError(
                    f"The server at {self.url} does not have the therapy policy (HTTP {status}). Check the URL."
                )
        if status in range(300, 400):
            return EngineError(
                f"{self.url} redirects to another URL, which is not allowed. Give the sidecar's own URL."
            )
        # OPA's message is left out because it may quote the request.
        code = (_json_object(content) or {}).get("code")
        code_note = f", {code}" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
        return EngineError(f"The sidecar at {self.url} rejected the request (HTTP {status}{code_note}). Check its log.")

    # --- failures

    def seconds(self, most: float | None) -> float:
        """Return the seconds for one exchange: the deadline, or `most` if that is less."""
        return self.deadline_seconds if most is None else min(most, self.deadline_seconds)

    def failure(self, error: Exception, seconds: float, *, late: bool, connected: bool) -> TherapyPolicyError:
        """Return the exception for an exchange without a complete response, which had some seconds.

        `late` says whether the deadline has passed, and `connected` whether a connection failed after it was made.
        """
        chain = list(causes(error))
        if late or any(isinstance(each, TimeoutError) for each in chain):
            return self.timeout(seconds)
        if tls_error := next((each for each in chain if isinstance(each, ssl.SSLError)), None):
            return self._tls_failure(tls_error)
        if connected:
            hint = f" It may require {self._which_certificate()}." if self.tls else ""
            return EngineError(
                f"The server at {self.url} closed the connection, or is not an HTTP server.{hint} Check its log."
            )
        return EngineNotAvailable(
            f"No server answers at {self.url}. Start a sidecar with `therapy-policy serve`, or give another URL."
        )

    def timeout(self, seconds: float) -> EngineTimeout:
        return EngineTimeout(
            f"No complete response from {self.url} within {seconds:.3g} s. "
            "Check the sidecar, or raise `deadline_seconds`."
        )

    def _tls_failure(self, error: ssl.SSLError) -> TherapyPolicyError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return EngineNotAvailable(
                f"The certificate of {self.url} is not accepted: {error.verify_message.rstrip('.')}. It must be "
                "current and for the host in the URL. If your own certificate authority signed it, give the "
                "authority's file as `ca_file`."
            )
        reason = error.reason or ""
        if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
            return EngineNotAvailable(
                f"{self.url} requires a client certificate, or does not accept the given one. Give "
                "`client_certificate` as the files of a current certificate and its key."
            )
        return EngineNotAvailable(
            f"No secure connection to {self.url}. Check that the sidecar uses TLS, and whether it requires "
            f"{self._which_certificate()}."
        )

    def _which_certificate(self) -> str:
        return "another client certificate" if self.client_certificate else "a client certificate"


Connection = TypeVar("Connection")


class IdleConnections(Generic[Connection]):
    """The connections that wait for their next exchange.

    `owner` returns what a connection belongs to, such as the process: only there is it used again. Each step is one
    operation of a deque, so threads need no lock, and a fork cannot copy a locked one.
    """

    def __init__(self, owner: Callable[[], object]) -> None:
        self._owner = owner
        self._idle: deque[tuple[float, object, Connection]] = deque()  # the longest idle first
        self.closed = False

    def take(self, *, batch: bool) -> tuple[Connection, bool] | None:
        """Return the connection that was used last, and whether it can be trusted; None if there is none.

        A batch takes long, so half of the time might not do: it gets a connection only if it can be trusted.
        """
        if self.closed:
            raise EngineNotAvailable("This client is closed. Create another one.")
        while self._idle:
            try:
                since, owner, connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if owner != self._owner():
                continue
            idle_seconds = time.monotonic() - since
            if idle_seconds <= (TRUSTED_IDLE_SECONDS if batch else MAX_IDLE_SECONDS):
                return connection, idle_seconds <= TRUSTED_IDLE_SECONDS
            self._idle.append((since, owner, connection))  # for a single request, or for `drop`
            break
        return None

    def give_back(self, connection: Connection) -> None:
        self._idle.append((time.monotonic(), self._owner(), connection))

    def drop(self, *, every: bool = False) -> Iterator[Connection]:
        """Remove and yield connections to close: those idle for too long; every one if asked, or after closing."""
        while self._idle:
            try:
                since, owner, connection = self._idle.popleft()
            except IndexError:  # another thread was faster
                return
            if owner != self._owner():
                continue
            if not every and not self.closed and time.monotonic() - since <= MAX_IDLE_SECONDS:
                self._idle.appendleft((since, owner, connection))
                return
            yield connection


def half_way_to(deadline: float) -> float:
    """Return the `time.monotonic` time in the middle between now and a deadline."""
    return (time.monotonic() + deadline) / 2


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it, also as an argument, which is how urllib3 passes some on."""
    while error is not None:
        yield error
        argument = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = error.__cause__ or error.__context__ or argument


@lru_cache(maxsize=8)
def _tls_context(ca_file: str, client_certificate: tuple[str, str] | None, *_changed: float) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise FileNotUsable(f"{ca_file} holds no certificate of an authority. Name a PEM file.") from None
    if client_certificate:
        try:
            context.load_cert_chain(*client_certificate, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise FileNotUsable(
                f"{client_certificate[0]} and {client_certificate[1]} are not a certificate and its key. Name PEM "
                "files; the key must not be encrypted."
            ) from None
    return context


def _no_password() -> str:
    raise ValueError  # otherwise OpenSSL would ask for one on the terminal


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> tuple[str, str, int, str | None]:
    """Return the scheme for requests, the host (an IPv6 address in brackets), the port, and the path of a socket."""
    problem = None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        problem = "it is malformed"
    else:
        if parts.scheme not in ("http", "https", "unix"):
            problem = "its scheme is not http, https or unix"
        elif "@" in parts.netloc:
            problem = "it has a user name"
        elif parts.query or parts.fragment:
            problem = "it has a query or a fragment"
        elif parts.scheme == "unix":
            if not parts.netloc and parts.path.startswith("/") and not parts.path.endswith("/"):
                return "http", "localhost", 80, parts.path
            problem = "it has no absolute path of a socket"
        elif not parts.hostname or not re.fullmatch(r"[\w.:%-]+", parts.hostname):
            problem = "it has no host"
        elif port == 0:
            problem = "its port is 0"
        elif parts.path not in ("", "/"):
            problem = "it continues after the port"
        else:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), None
    raise SidecarUrlInvalid(
        f"The sidecar's URL cannot be used: {problem}. Give only a scheme, host and port, as in http://127.0.0.1:8181, "
        "or a socket, as in unix:///run/therapy-policy/opa.sock."
    )


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        value = nesting.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
