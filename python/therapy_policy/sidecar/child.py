"""One program that `serve` runs: started so that it cannot outlive `serve`, and started again when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO

# A program that dies sooner than this after its start counts as a quick death; so many in a row, and it is given up.
QUICK_SECONDS = 3.0
QUICK_DEATHS = 5
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

# What the programs get of the environment, where it is set. OPA takes each of its options from OPA_RUN_…, and Go and
# OpenSSL have debugging switches, so everything that is not listed stays out.
INHERITED = ("HOME", "PATH", "TMPDIR", "SSL_CERT_DIR", "SSL_CERT_FILE", "GOGC", "GOMAXPROCS", "GOMEMLIMIT")

# OPA collects garbage a quarter as often as by default, unless its memory nears the limit. This takes up to a quarter
# less processor time for up to 60 MB more.
DEFAULTS = {"GOGC": "400", "GOMEMLIMIT": "256MiB"}

# Runs as `python -I -S -c`, because code between fork and exec is not safe in a process with threads. The parent may
# have died before prctl, so it is checked afterwards. The kernel sends the signal when the thread that started the
# program ends, so only the main thread starts one.
LAUNCH = """
import os, sys
parent, number = int(sys.argv[1]), int(sys.argv[2])
if sys.platform == "linux":
    import ctypes
    PR_SET_PDEATHSIG = 1
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0):
        sys.exit("prctl failed")
if os.getppid() != parent:
    sys.exit("the parent has ended")
os.environ.pop("LC_CTYPE", None)  # which Python sets for itself
os.execv(sys.argv[3], sys.argv[3:])
"""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return what a program gets of an environment."""
    return DEFAULTS | {name: given[name] for name in INHERITED if name in given} | {"TZ": "UTC"}


class Child:
    """A program that is started again when it dies by itself, until it has died quickly `QUICK_DEATHS` times in a row.

    `stop_signal` asks it to stop. `death_signal` is sent to it when this process dies (on Linux). `read` gets the
    stream of its output after each start, and must read it to the end. `report` gets each line for the operator.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        stop_signal: signal.Signals,
        death_signal: signal.Signals,
        read: Callable[[IO[bytes]], None],
        report: Callable[[str], None],
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._stop_signal = stop_signal
        self._death_signal = death_signal
        self._read = read
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._start_at: float | None = None  # when it is to be started again

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def given_up(self) -> bool:
        """Whether it died quickly too often."""
        return self._quick_deaths >= QUICK_DEATHS

    def start(self) -> None:
        """Start it. Call this from the main thread only."""
        launch = [sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()), str(int(self._death_signal))]
        # It gets its own session, so that Ctrl-C reaches only this process, which then stops it once.
        self._process = subprocess.Popen(
            launch + self._command,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started_at = time.monotonic()
        self._start_at = None
        assert self._process.stdout is not None
        self._read(self._process.stdout)

    def look_after(self) -> float | None:
        """Notice its death, and start it again when it is time; return the seconds until then, None while it runs."""
        if self._process and self._process.poll() is not None:
            self._died(self._process)
        if self._start_at is None or self.given_up:
            return None
        pause = self._start_at - time.monotonic()
        if pause > 0:
            return pause
        self.restarts += 1
        self.start()
        return None

    def _died(self, process: subprocess.Popen[bytes]) -> None:
        lived = time.monotonic() - self._started_at
        self._process = None
        self._kill_group(process.pid)
        self._quick_deaths = self._quick_deaths + 1 if lived < QUICK_SECONDS else 0
        how = f"{self.name} {_ended(process.returncode)} after {lived:.1f} s"
        if self.given_up:
            self._report(f"{how}, {QUICK_DEATHS} times in a row; giving up.")
            return
        pause = min(FIRST_PAUSE_SECONDS * 2**self._quick_deaths, LONGEST_PAUSE_SECONDS)
        self._start_at = time.monotonic() + pause
        self._report(f"{how}; starting it again in {pause:.1f} s.")

    def ask_to_stop(self) -> None:
        """Ask it to stop, and do not start it again."""
        self._start_at = None
        if self._process:
            self._process.send_signal(self._stop_signal)

    def wait_or_kill(self, seconds: float) -> None:
        """Wait for it to stop, and kill it after some seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._report(f"{self.name} did not stop within {seconds:g} s and was killed.")
            process.kill()
            process.wait()
        self._kill_group(process.pid)

    def _kill_group(self, group: int) -> None:
        # nginx that was killed leaves its workers, which would keep the port.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
