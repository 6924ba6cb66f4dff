"""A sidecar that follows a bundle server: no bundle decides before it is verified and checked.

OPA's own bundle plugin would verify the signature, and cannot do what `therapy-policy check` does. So a thread here
downloads, verifies and checks a bundle, and then serves it on a loopback port, where OPA's plugin gets it and replaces
the policy in one step, while requests are decided. A bundle that is rejected never gets that far. OPA without a bundle
decides nothing, and is not ready.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from therapy_policy.errors import TherapyPolicyError
from therapy_policy.sidecar.diagnostics import CLIENT_SECONDS, DOWNLOAD, REJECTED, Server
from therapy_policy.sidecar.downloads import BundleServer

FIRST_PAUSE_SECONDS = 1.0  # after a problem; twice as long after each further one, up to the interval of polling
STORED = "bundle.tar.gz"
PATH = "/bundle.tar.gz"
STOP_SECONDS = 5.0


class Accepted(NamedTuple):
    """A bundle that was verified and checked: its file, as OPA gets it, without a signature."""

    archive: bytes
    revision: str
    version: str


Accept = Callable[[str, bytes, str | None], Accepted]


class BundleSource(NamedTuple):
    """A bundle server to follow.

    `accept` verifies and checks a signed bundle file: it gets a name for messages, the file, and the version that the
    bundle must have at least, and raises `TherapyPolicyError` if it is rejected. `store` is a directory for the last
    accepted one, to start from while the server is down.
    """

    server: BundleServer
    accept: Accept
    store: Path | None
    poll_seconds: float


class Updates:
    """Follows a bundle server, in a thread. `report` gets lines for the operator."""

    def __init__(self, source: BundleSource, report: Callable[[str], None]) -> None:
        self.current: Accepted | None = None
        self.problem: str | None = None  # one of BUNDLE_PROBLEMS: how the last attempt failed
        self.working = threading.Lock()  # held while it may run programs
        self._server, self._accept, self._store, self._poll_seconds = source
        self._report = report
        self._reported = ""
        self._tag: str | None = None
        self._digest = b""  # of the signed file of the current bundle
        self._confirmed_at = time.time()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="bundle", daemon=True)

    @property
    def age_seconds(self) -> float:
        """Seconds since the server last had the current bundle, or since the start."""
        return time.time() - self._confirmed_at

    @property
    def revision(self) -> str:
        """The revision of the current bundle; empty if there is none."""
        return self.current.revision if self.current else ""

    def start(self) -> int:
        """Start to follow the server; return the loopback port that OPA gets the bundle from."""
        handler = type("Handler", (_Handler,), {"updates": self})
        listener = Server(("127.0.0.1", 0), handler)
        threading.Thread(target=listener.serve_forever, name="bundle for OPA", daemon=True).start()
        self._thread.start()
        return int(listener.server_address[1])

    def stop(self) -> None:
        """Stop, and wait a little for what is in progress."""
        self._stopped.set()
        self._thread.join(STOP_SECONDS)

    def _follow(self) -> None:
        with self.working:
            self._start_from_store()
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            with self.working:
                self.problem = self._poll()
            if self.problem is None:
                pause = FIRST_PAUSE_SECONDS
                self._reported = ""
            self._stopped.wait(self._poll_seconds if self.problem is None else min(pause, self._poll_seconds))
            pause = min(2 * pause, self._poll_seconds)

    def _start_from_store(self) -> None:
        if self._store is None:
            return
        file = self._store / STORED
        try:
            content = file.read_bytes()
            # Age is since the server last confirmed it, which touches the file.
            self._confirmed_at = file.stat().st_mtime
            self._use(self._accept(str(file), content, None), content)
        except FileNotFoundError:
            return
        except Exception as problem:  # whatever is wrong with it, the server may have a good one
            self._say(f"The stored bundle is not used: {_text_of(problem)}")

    def _poll(self) -> str | None:
        try:
            download = self._server.download(self._tag)
        except TherapyPolicyError as problem:
            self._say(f"No bundle was downloaded: {problem}")
            return DOWNLOAD
        if download and hashlib.sha256(download.content).digest() != self._digest:
            least = self.current.version if self.current else None
            try:
                self._use(self._accept("The bundle of the server", download.content, least), download.content)
            except Exception as problem:  # whatever is wrong with it, the next one may be good
                self._say(f"The bundle was rejected, and the one before it stays: {_text_of(problem)}")
                return REJECTED
            self._keep(download.content)
        if download:
            self._tag = download.tag or None
        self._confirm()
        return None

    def _use(self, accepted: Accepted, content: bytes) -> None:
        self.current = accepted
        self._digest = hashlib.sha256(content).digest()
        self._report(f"Bundle {accepted.revision} was verified and checked; OPA gets it now.")

    def _keep(self, content: bytes) -> None:
        """Keep the signed file. Without it, the sidecar still decides, but cannot start while the server is down."""
        if self._store is None:
            return
        partial = self._store / f".{STORED}.partial"
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._store / STORED)
        except OSError as problem:
            self._say(f"The bundle cannot be stored in {self._store}: {problem.strerror}.")

    def _confirm(self) -> None:
        self._confirmed_at = time.time()
        if self._store:
            with contextlib.suppress(OSError):
                os.utime(self._store / STORED)

    def _say(self, message: str) -> None:
        """Report a problem, once while it stays the same."""
        if message != self._reported:
            self._reported = message
            self._report(message)


def _text_of(problem: Exception) -> str:
    """Return a message of ours, or of the operating system, or the kind of another exception."""
    return str(problem) if isinstance(problem, (TherapyPolicyError, OSError)) else type(problem).__name__


class _Handler(BaseHTTPRequestHandler):
    """Gives OPA the current bundle."""

    timeout = CLIENT_SECONDS
    updates: Updates

    def do_GET(self) -> None:
        current = self.updates.current
        tag = f'"{hashlib.sha256(current.archive).hexdigest()}"' if current else ""
        if self.path != PATH:
            self._answer(404, b"", "")
        elif current is None or self.headers.get("If-None-Match") == tag:
            # OPA would log each 404 until there is a bundle.
            self._answer(304, b"", tag)
        else:
            self._answer(200, current.archive, tag)

    def _answer(self, status: int, body: bytes, tag: str) -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Type", "application/gzip")
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def write_configuration(shipped: str, port: int, directory: Path) -> Path:
    """Write the configuration of OPA, the shipped one and the bundle at a loopback port; return its path."""
    configuration = yaml.safe_load(shipped) | {
        "services": {"serve": {"url": f"http://127.0.0.1:{port}"}},
        "status": {"prometheus": True},  # which bundle is active
        "bundles": {
            "therapy": {
                "service": "serve",
                "resource": PATH,
                "polling": {"min_delay_seconds": 1, "max_delay_seconds": 2},
            }
        },
    }
    file = directory / "config.yaml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return file
