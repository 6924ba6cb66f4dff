"""Probes and metrics: whether the sidecar lives and is ready, and figures for Prometheus, with nothing of a request."""

from __future__ import annotations

import http.client
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from therapy_policy.files import packaged_json
from therapy_policy.sidecar.child import Child
from therapy_policy.sidecar.log import Log

PROBE_SECONDS = 2.0  # for OPA's answer to a probe
CLIENT_SECONDS = 5.0  # for each read from, and write to, the client of a probe
MOST_CLIENTS = 16
PLAIN = "text/plain; charset=utf-8"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

DOWNLOAD, REJECTED = "download", "rejected"
BUNDLE_PROBLEMS = (DOWNLOAD, REJECTED)

ACTIVATION = "last_success_bundle_activation{"  # OPA's metric, which the configuration for a bundle server switches on

Address = tuple[str, int] | Path  # host and port, or a unix socket


class Decisions:
    """Counts decisions by outcome."""

    def __init__(self) -> None:
        schema = packaged_json("schemas/decision.json")
        # Only these become labels, so that no text of a request ever can.
        self.counts = dict.fromkeys(schema["properties"]["outcome"]["enum"], 0)

    def count(self, result: Any) -> None:
        """Count the result of a log entry: a decision, perhaps with its answer, or, of a batch, a list."""
        for each in result if isinstance(result, list) else [result]:
            decision = each.get("decision", each) if isinstance(each, dict) else None
            outcome = decision.get("outcome") if isinstance(decision, dict) else None
            if outcome in self.counts:
                self.counts[outcome] += 1


class Following(Protocol):
    """What follows a bundle server: see `therapy_policy.sidecar.updates`."""

    problem: str | None

    @property
    def age_seconds(self) -> float: ...
    @property
    def revision(self) -> str: ...


class Diagnostics:
    """The state of the sidecar, from OPA at `opa_address` and from this process."""

    def __init__(
        self,
        opa_address: Address,
        children: list[Child],
        log: Log,
        decisions: Decisions,
        responses: Counter[str],
        revision: str,
        updates: Following | None = None,
    ) -> None:
        self._opa_address = opa_address
        self._children = children
        self._log = log
        self._decisions = decisions
        self._responses = responses  # of nginx, by status
        self._revision = revision
        self._updates = updates  # None if the bundle does not change

    def live_problem(self) -> str | None:
        """Why the sidecar does not live, or None. Without OPA it does: `serve` starts OPA again."""
        status, _ = self._ask_opa("/health")
        # Before its first bundle, OPA answers 500.
        return None if status or self._children[0].pid is None else "OPA does not answer"

    def ready_problem(self) -> str | None:
        """Why the sidecar must not get requests, or None."""
        status, _ = self._ask_opa("/health?bundles&plugins")
        if status == 200:
            return self._log.problem
        return "there is no bundle yet" if self._updates and not self._updates.revision else "OPA is not ready"

    def metrics(self) -> bytes:
        """The metrics of this process, and OPA's own, in Prometheus' text format."""
        status, of_opa = self._ask_opa("/metrics")
        if status != 200:
            of_opa = b""
        accepted = self._updates.revision if self._updates else self._revision
        # Without a bundle server, OPA has its bundle before it answers.
        active = _active_revision(of_opa) if self._updates else accepted if of_opa else ""
        registry = CollectorRegistry()
        registry.register(_Metrics([*self._metrics(active, accepted)]))
        return generate_latest(registry) + of_opa

    def _metrics(self, active: str, accepted: str) -> Iterator[Metric]:
        """Yield the metrics of this process, with the revision that OPA decides by, and the one that it was given."""
        about = {"program_version": metadata.version("therapy-policy"), "revision": active}
        yield InfoMetricFamily("therapy_policy", "Version of the program, and policy that OPA decides by.", value=about)
        yield InfoMetricFamily(
            "therapy_policy_bundle_accepted", "Policy that OPA was given last.", value={"revision": accepted}
        )
        yield _gauge("ready", "Whether the sidecar is ready.", self.ready_problem() is None)
        up = GaugeMetricFamily("therapy_policy_up", "Whether the program runs.", labels=["program"])
        restarts = CounterMetricFamily(
            "therapy_policy_restarts", "How often the program was started again.", labels=["program"]
        )
        for child in self._children:
            up.add_metric([child.name.lower()], child.pid is not None)
            restarts.add_metric([child.name.lower()], child.restarts)
        yield up
        yield restarts
        yield CounterMetricFamily(
            "therapy_policy_decision_log_written", "Entries of the decision log written.", value=self._log.written
        )
        lost = CounterMetricFamily(
            "therapy_policy_decision_log_lost", "Entries of the decision log lost.", labels=["reason"]
        )
        for reason, count in self._log.lost.items():
            lost.add_metric([reason], count)
        yield lost
        yield _gauge("decision_log_waiting_bytes", "Bytes of the log not yet written.", self._log.waiting_bytes)
        age = self._updates.age_seconds if self._updates else 0
        yield _gauge("bundle_age_seconds", "Time since the bundle server last had the bundle that decides.", age)
        problem = self._updates.problem if self._updates else None
        problems = GaugeMetricFamily(
            "therapy_policy_bundle_problem", "Whether the last attempt to get a bundle failed.", labels=["reason"]
        )
        for reason in BUNDLE_PROBLEMS:
            problems.add_metric([reason], reason == problem)
        yield problems
        decisions = CounterMetricFamily("therapy_policy_decisions", "Decisions logged.", labels=["outcome"])
        for outcome, count in self._decisions.counts.items():
            decisions.add_metric([outcome], count)
        yield decisions
        responses = CounterMetricFamily(
            "therapy_policy_front_responses", "Responses of nginx, probes included.", labels=["code"]
        )
        for status, count in sorted(self._responses.items()):
            responses.add_metric([status], count)
        yield responses

    def _ask_opa(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of OPA's answer; (0, b"") if there is none in time."""
        connection = Connection(self._opa_address)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


class _Metrics(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _active_revision(of_opa: bytes) -> str:
    """The revision of the bundle that OPA activated last, by its own metrics; empty if there is none."""
    lines = [line for line in of_opa.decode().splitlines() if line.startswith(ACTIVATION)]
    samples = [each for family in text_string_to_metric_families("\n".join(lines)) for each in family.samples]
    latest = max(samples, key=lambda sample: sample.value, default=None)
    return latest.labels["active_revision"] if latest else ""


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"therapy_policy_{name}", text, value=value)


class Connection(http.client.HTTPConnection):
    """HTTP to a port, or to a unix socket."""

    def __init__(self, address: Address) -> None:
        host, port = ("localhost", None) if isinstance(address, Path) else address
        super().__init__(host, port, timeout=PROBE_SECONDS)
        self._unix = address if isinstance(address, Path) else None

    def connect(self) -> None:
        if self._unix is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._unix))


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS
    diagnostics: ClassVar[Diagnostics]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/metrics":
            self._answer(200, self.diagnostics.metrics(), EXPOSITION)
        elif url.path == "/health/ready" or (url.path == "/health" and url.query):
            self._answer_probe(self.diagnostics.ready_problem())
        elif url.path in ("/health", "/health/live"):
            self._answer_probe(self.diagnostics.live_problem())
        else:
            self._answer(404, b"not found\n", PLAIN)

    do_HEAD = do_GET

    def _answer_probe(self, problem: str | None) -> None:
        self._answer(503 if problem else 200, f"{problem or 'ok'}\n".encode(), PLAIN)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "therapy-policy"

    def address_string(self) -> str:
        return ""

    def log_message(self, *_: Any) -> None:
        """Log nothing: a path may be anything."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: Any, handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(timeout=CLIENT_SECONDS):
            try:
                super().process_request(request, client_address)
            except BaseException:  # no thread could be started
                self._places.release()
                raise
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: the client hung up."""


class _UnixServer(Server):
    address_family = socket.AF_UNIX


def start_listener(address: Address, diagnostics: Diagnostics) -> None:
    """Answer probes and scrapes at an address, in threads, until this process ends.

    Raises `OSError` if the address cannot be used.
    """
    handler = type("Handler", (_Handler,), {"diagnostics": diagnostics})
    server = _UnixServer(str(address), handler) if isinstance(address, Path) else Server(address, handler)
    threading.Thread(target=server.serve_forever, name="diagnostics", daemon=True).start()
