"""`therapy-policy serve-fhir`: the application in a server of its own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import closing

import uvicorn

from therapy_policy.errors import FileNotUsable, PortInUse
from therapy_policy.interop.http_service import Engine, Settings, application
from therapy_policy.sidecar.log import Log

MAX_CONNECTIONS = 100  # more get 503 at once
STOP_SECONDS = 10  # for requests that are under way when the server is stopped


def serve_fhir(engine: Engine, ready: Callable[[], bool], host: str, port: int, settings: Settings) -> None:
    """Serve until a signal, and then raise it again. Standard output gets one line of JSON for each request.

    Raises `PortInUse` if the server cannot listen on the port, and `FileNotUsable` if standard output is closed.
    """
    if sys.stdout is None:
        raise FileNotUsable("Standard output is closed. A line for each request goes there: send it to a file.")
    log = Log(sys.stdout.fileno())
    with closing(_listening(host, port)) as listener:
        print(f"therapy-policy serve-fhir listens on http://{host}:{port}", file=sys.stderr, flush=True)
        config = uvicorn.Config(
            application(engine, ready, log.report, settings),
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            log.flush(STOP_SECONDS)


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"serve-fhir cannot listen on {host}:{port} ({error.strerror}). "
            "Stop the program that uses the port, or choose another --port."
        ) from None
    return listener
