"""`serve` and its OPA: nothing outlives `serve`, OPA is started again, and the environment changes nothing (Linux)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.policy.signing import key_pair
from tests.running import free_port, running_sidecar
from tests.sidecar.processes import child_named, children_of, is_running, state_and_name, wait_for
from tests.sidecar.test_serve import logged_decisions, post
from therapy_policy import SidecarClient
from therapy_policy.sidecar.child import QUICK_DEATHS, Child, environment
from therapy_policy.sidecar.log import Log, is_masked
from therapy_policy.sidecar.serve import _supervise
from therapy_policy.sidecar.stop_signals import StopSignals
from therapy_policy.toolchain.fetching import VERSION_TIMEOUT_S
from therapy_policy.toolchain.opa import find_opa

SERVE = [sys.executable, "-m", "therapy_policy.cli", "serve", "--port"]
SECRET = "Xylophone"
PLAN = {"request_type": "pt_treatment_plan", "service_date": "2026-03-02", "specialty": "none"}


def opa_of(serve: subprocess.Popen[bytes]) -> int:
    return wait_for(lambda: child_named(serve.pid, "opa"))  # type: ignore[return-value]


def accepts(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(autouse=True)
def hang_up_is_not_ignored() -> Iterator[None]:
    """Under nohup these tests ignore SIGHUP, and what they start would, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_stops_both(tmp_path: Path, number: signal.Signals) -> None:
    with running_sidecar(tmp_path / "log") as running:
        opa = opa_of(running.process)
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
        assert not is_running(opa)
    assert "Traceback" not in running.log.read_text()


def test_opa_starts_again_and_never_outlives_serve(tmp_path: Path) -> None:
    with running_sidecar(tmp_path / "log") as running, SidecarClient(running.url, deadline_seconds=30) as client:
        first = opa_of(running.process)
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: (pid := child_named(running.process.pid, "opa")) != first and pid)
        wait_for(client.ready)
        assert client.decide({"request_type": "referral_route", "island": "oahu"})["outcome"] == "routed"
        assert re.search(r"^OPA was ended by SIGKILL after [\d.]+ s; starting it again", running.log.read_text(), re.M)

        running.process.kill()
        wait_for(lambda: second and not is_running(second))
        wait_for(lambda: not accepts(int(running.url.rpartition(":")[2])))


@pytest.mark.parametrize("part", [0.2, 0.6, 0.9, 1.1])
def test_a_signal_while_it_starts_leaves_nothing(tmp_path: Path, part: float) -> None:
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as stream, subprocess.Popen([*SERVE, str(port)], stdout=stream, stderr=stream) as serve:
        start = time.monotonic()
        # Python without any of its work takes this long, and `serve` about three times as long.
        subprocess.run([sys.executable, "-c", "import requests, prometheus_client"], check=True)
        time.sleep((time.monotonic() - start) * part)
        children = children_of(serve.pid)
        serve.send_signal(signal.SIGTERM)
        # Before Python can handle a signal, it ends by it.
        assert serve.wait(60) in (0, -signal.SIGTERM)
    assert not any(is_running(child) for child in children)
    assert not accepts(port)
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("first_process", [False, True])
def test_a_signal_while_it_looks_for_opa_leaves_nothing(tmp_path: Path, first_process: bool) -> None:
    started = tmp_path / "started"
    opa = tmp_path / "opa"
    opa.write_text(f"#!/bin/sh\necho $$ > {started}.partial\nmv {started}.partial {started}\nexec sleep 100\n")
    opa.chmod(0o755)
    key = key_pair(tmp_path, "key").public
    options = [f"--verification-key=K={key}", "--bundle-url=http://127.0.0.1:1/b", "--at-least-version=1.0.0"]
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    under = ["unshare", *user, "--pid", "--fork"] if first_process else []
    command = [*under, *SERVE, str(free_port()), *options]
    with subprocess.Popen(command, env=os.environ | {"OPA": str(opa)}, stderr=subprocess.PIPE) as process:
        try:
            wait_for(started.exists)
            serve = children_of(process.pid)[0] if first_process else process.pid
            (looking,) = children_of(serve)
            os.kill(serve, signal.SIGTERM)
            # Nobody waits until OPA is given up.
            _, errors = process.communicate(timeout=VERSION_TIMEOUT_S / 2)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == b""
    assert not is_running(looking)


def test_a_program_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        log = Log(stream.fileno())
        child = Child(
            "OPA",
            ["/bin/sh", "-c", "exit 7"],
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            read=log.read,
            report=log.report,
        )
        assert _supervise([child], StopSignals()) == 3
        assert log.flush(60)
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == QUICK_DEATHS
    assert "exit status 7" in lines[0]
    assert lines[-1].endswith("giving up.")


def test_as_the_first_process_of_a_container_it_collects_the_dead_and_stops(tmp_path: Path) -> None:
    port = free_port()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    # `sleep` becomes an orphan: the shell that started it becomes `serve`.
    shell = ["sh", "-c", 'sleep 0.1 & exec "$@"', "sh", *SERVE, str(port)]
    log = tmp_path / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(["unshare", *user, "--pid", "--fork", *shell], stdout=stream, stderr=stream) as outer,
        SidecarClient(f"http://127.0.0.1:{port}") as client,
    ):
        try:
            wait_for(client.ready)
            (serve,) = children_of(outer.pid)
            wait_for(lambda: all(state_and_name(child)[0] != "Z" for child in children_of(serve)))
            assert len(children_of(serve)) == 1
            os.kill(serve, signal.SIGTERM)
            assert outer.wait(60) == 0
        finally:
            outer.kill()


def test_the_environment_changes_nothing(tmp_path: Path) -> None:
    usage = subprocess.run([find_opa(), "run", "--help"], capture_output=True, text=True, check=True).stdout
    flags = re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", usage.partition("\nFlags:")[2], re.MULTILINE)
    assert {"addr", "log-level", "set", "diagnostic-addr", "pprof", "authorization"} <= set(flags)
    opened = free_port()
    variables = {f"OPA_RUN_{flag.upper().replace('-', '_')}": "true" for flag in flags} | {
        "OPA_RUN_ADDR": f"127.0.0.1:{opened}",
        "OPA_RUN_DIAGNOSTIC_ADDR": f"127.0.0.1:{opened}",
        "OPA_RUN_LOG_LEVEL": "debug",
        "OPA_RUN_LOG_FORMAT": "text",
        "OPA_RUN_SET": "decision_logs.console=false",
        "OPA_LOG_TIMESTAMP_FORMAT": SECRET,
        "GODEBUG": "http2debug=2,gctrace=1",
        "HTTP_PROXY": f"http://127.0.0.1:{opened}",
    }
    with running_sidecar(tmp_path / "log", **variables) as running:
        request = PLAN | {"plan_of_care": {"diagnosis": f"{SECRET} 1"}}
        answer = post(running.url, b'{"input": %s}' % str(request).replace("'", '"').encode()).json()
        entry = logged_decisions(running.log, answer["decision_id"])
        assert is_masked(entry)
        assert SECRET not in running.log.read_text()
        assert not accepts(opened)
        for path in ("/v1/policies", "/debug/pprof/", "/v1/config"):
            assert requests.get(running.url + path, timeout=30).status_code == 401
        given = Path(f"/proc/{opa_of(running.process)}/environ").read_text().split("\0")
    names = {variable.partition("=")[0] for variable in given if variable}
    assert names <= set(environment(os.environ))
