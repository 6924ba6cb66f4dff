"""Run the sidecar: OPA with the bundle and the configuration that this package ships, and nginx in front if wanted.

`serve` stays the parent of both. It starts them again when they die, stops them when a signal stops it, and takes them
with it when it is killed. Their output passes through it, so that a log that nobody reads stops no decision.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, nullcontext
from importlib.resources import as_file, files
from pathlib import Path
from threading import Lock

from therapy_policy.errors import NO_ENGINE, FileNotUsable
from therapy_policy.files import packaged_file
from therapy_policy.sidecar.child import Child
from therapy_policy.sidecar.diagnostics import Address, Decisions, Diagnostics, start_listener
from therapy_policy.sidecar.front import Front, Responses, write_configuration
from therapy_policy.sidecar.listening import listening
from therapy_policy.sidecar.log import Log
from therapy_policy.sidecar.stop_signals import StopSignals
from therapy_policy.sidecar.updates import BundleSource, Updates
from therapy_policy.sidecar.updates import write_configuration as write_opa_configuration
from therapy_policy.toolchain.nginx import installed_nginx
from therapy_policy.toolchain.opa import find_opa

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 5  # for requests in progress, when the sidecar stops
FLUSH_SECONDS = 2.0  # for the rest of the log


def serve(
    port: int,
    stop: StopSignals,
    *,
    revision: str = "",
    archive: Path | None = None,
    source: BundleSource | None = None,
    host: str = LOOPBACK,
    diagnostics_port: int | None = None,
    diagnostics_host: str | None = None,
    front: Front | None = None,
    any_opa: bool = False,
) -> int:
    """Run the sidecar in the foreground until a signal; return 0 then, or 3 if OPA or nginx does not stay alive.

    `archive` is the file of another bundle than the one of this package, and `revision` its revision; its caller has
    checked it. With `source`, the bundle comes from a server instead, and nothing is decided before it is there. The
    log, with one masked entry for each decision, goes to standard error. With `front`, nginx listens on the ports, and
    OPA on a unix socket in a directory of its own. `diagnostics_host` is the address for probes and metrics, if it is
    not `host`. With `any_opa`, OPA may be a version that this policy was not proven on.

    Raises `OpaNotAvailable`, `NginxNotAvailable`, `Stopped` if a signal comes while it starts, `PortInUse` if the
    sidecar cannot listen on a port, and `FileNotUsable` if standard error is closed or a file of `front` cannot be
    used.
    """
    if sys.stderr is None:
        raise FileNotUsable("Standard error is closed. The decision log goes there: send it to a file or a collector.")
    decisions = Decisions()
    log = Log(sys.stderr.fileno(), decisions.count)
    try:
        opa = find_opa(log.report, any_version=any_opa)
        nginx = installed_nginx() if front else None
        diagnostics_host = diagnostics_host or host
        check_port(port, host)
        if diagnostics_port is not None:
            check_port(diagnostics_port, diagnostics_host)
        shipped_config = files("therapy_policy") / "sidecar" / "config.yaml"
        with (
            as_file(packaged_file("sidecar.tar.gz")) as packaged,
            as_file(shipped_config) as config,
            tempfile.TemporaryDirectory(prefix="therapy-policy-") if front or source else nullcontext("") as private,
            ExitStack() as stack,
        ):
            updates = None
            policy = ["--bundle", str(archive or packaged)]
            if source:
                updates = Updates(source, log.report)
                stack.callback(updates.stop)
                shipped = config.read_text(encoding="utf-8")
                config, policy = write_opa_configuration(shipped, updates.start(), Path(private)), []
            opa_address: Address = Path(private) / "opa.sock" if front else (host, port)
            command = opa_command(opa, opa_address, Path(config), policy)
            children = [
                Child(
                    "OPA",
                    command,
                    stop_signal=signal.SIGTERM,
                    death_signal=signal.SIGKILL,
                    read=log.read,
                    report=log.report,
                )
            ]
            responses = Responses(Path(private)).counts if front else Counter()
            diagnostics = Diagnostics(opa_address, children, log, decisions, responses, revision, updates)
            probes: Address | None = None
            if front and nginx:
                probes = Path(private) / "probes.sock"
                configuration = write_configuration(
                    front, nginx, Path(private), host, port, diagnostics_host, diagnostics_port
                )
                children.append(
                    Child(
                        "nginx",
                        [str(nginx), "-p", private, "-e", "stderr", "-c", str(configuration)],
                        stop_signal=signal.SIGQUIT,
                        # nginx ends its workers when it gets this one; killed, it would leave them.
                        death_signal=signal.SIGTERM,
                        read=log.read,
                        report=log.report,
                    )
                )
            elif diagnostics_port is not None:
                probes = (diagnostics_host, diagnostics_port)
            if probes:
                start_listener(probes, diagnostics)
            scheme = "https" if front and front.certificate else "http"
            log.report(f"therapy-policy sidecar on {scheme}://{host}:{port} (Ctrl-C stops it)")
            return _supervise(children, stop, updates.working if updates else None)
    finally:
        log.flush(FLUSH_SECONDS)


def _supervise(children: list[Child], stop: StopSignals, working: Lock | None = None) -> int:
    """Keep the programs running until a signal; stop them in reverse order, each within the grace period.

    Another thread may hold `working` while it waits for programs of its own.
    """
    awake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    stop.raises = False
    try:
        for child in children:
            if stop.number is None:
                child.start()
        while stop.number is None:
            pauses = [pause for child in children if (pause := child.look_after()) is not None]
            # Somebody else's program that is collected here would look to them as if it had succeeded.
            if working is None or working.acquire(blocking=False):
                _reap_orphans(children)
                if working:
                    working.release()
            if any(child.given_up for child in children):
                break
            if select.select([awake], [], [], min(pauses, default=None))[0]:
                os.read(awake, 4096)
    finally:
        for child in reversed(children):
            child.ask_to_stop()
            child.wait_or_kill(GRACE_SECONDS + 1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(awake)
        os.close(alarm)
    return 0 if stop.number is not None else NO_ENGINE


def _reap_orphans(children: list[Child]) -> None:
    """As the first process of a container, collect the processes that nobody else waits for."""
    if os.getpid() != 1:
        return
    own = {child.pid for child in children}
    try:
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in own:
            os.waitpid(ended.si_pid, os.WNOHANG)
    except ChildProcessError:
        pass


def opa_command(opa: Path, address: Address, config: Path, policy: list[str]) -> list[str]:
    """Return the command that runs OPA. `policy` is the options for the bundle, if `config` does not name one."""
    return [
        str(opa),
        "run",
        "--server",
        f"--addr=unix://{address}" if isinstance(address, Path) else f"--addr={address[0]}:{address[1]}",
        "--unix-socket-perm=600",
        "--authorization=basic",
        f"--config-file={config}",
        f"--shutdown-grace-period={GRACE_SECONDS}",
        "--skip-version-check",
        "--log-level=error",
        *policy,
    ]


def check_port(port: int, host: str) -> None:
    """Raise `PortInUse` if the port cannot be used; OPA itself would report that in many lines."""
    listening("The sidecar", host, port).close()
