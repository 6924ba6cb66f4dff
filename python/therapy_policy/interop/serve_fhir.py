"""`therapy-policy serve-fhir`: the application in a server of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing

import uvicorn

from therapy_policy.errors import FileNotUsable
from therapy_policy.interop.http_service import Engine, Settings, application
from therapy_policy.sidecar.listening import listening
from therapy_policy.sidecar.log import Log

MAX_CONNECTIONS = 100  # more get 503 at once, from uvicorn and without a line in the log
STOP_SECONDS = 10  # for requests that are under way when the server is stopped


def serve_fhir(engine: Engine, ready: Callable[[], bool], host: str, port: int, settings: Settings) -> None:
    """Serve until a signal, and then raise it again. Standard output gets the lines of the log.

    Raises `PortInUse` if the server cannot listen on the port, and `FileNotUsable` if standard output is closed.
    """
    if sys.stdout is None:
        raise FileNotUsable("Standard output is closed. A line for each request goes there: send it to a file.")
    log = Log(sys.stdout.fileno())
    with closing(listening("serve-fhir", host, port)) as listener:
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
