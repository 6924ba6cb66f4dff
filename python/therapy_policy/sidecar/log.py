"""The way of OPA's output to standard error: never in the way of a decision, never in clear, and nothing lost silently.

OPA writes each entry of the decision log before it answers, so a reader that does not read stops every decision. A
thread here reads at once and keeps entries until `MAX_WAITING_BYTES` wait; another thread writes. What comes then is
lost and counted.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import IO, Any

from therapy_policy import nesting
from therapy_policy.inputs import lines_of

MAX_WAITING_BYTES = 4 << 20  # 1,500 to 2,000 entries
MAX_ENTRY_BYTES = 32 << 20
LATE_SECONDS = 5.0  # an entry that waits longer makes the sidecar not ready
NOTICE_SECONDS = 30.0  # the sidecar is not ready for so long after an entry that was too long; probes come more often
RETRY_SECONDS = 0.5

BEHIND = "behind"  # the writer was too far behind
CUT_OFF = "cut_off"  # the program died while it wrote the entry
NOT_MASKED = "not_masked"
TOO_LONG = "too_long"
LOSSES = (BEHIND, CUT_OFF, NOT_MASKED, TOO_LONG)

# What the mask replaces of an entry's input and result: the whole, or the field that marks it.
MARKS = {
    "input": ("/input", "/input/request_type"),
    "result": ("/result", "/result/outcome", "/result/decision/outcome"),
}

PANIC = re.compile(rb"panic(?: serving [^ ]*)?: (?!runtime error)")


class Log:
    """Writes lines to a file descriptor from a thread of its own; `add` never waits."""

    def __init__(self, output: int, on_decision: Callable[[Any], None] = lambda result: None) -> None:
        self.written = 0  # entries of the decision log
        self.lost: Counter[str] = Counter(dict.fromkeys(LOSSES, 0))
        self._output = output
        self._on_decision = on_decision
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, bytes, bool]] = deque()  # since when, line, whether it is a decision
        self.waiting_bytes = 0
        self._behind = False  # something was lost since the last time that nothing waited
        self._too_long_until = 0.0
        self._readers: list[threading.Thread] = []
        threading.Thread(target=self._write, name="log writer", daemon=True).start()

    def report(self, message: str) -> None:
        """Write a line for the operator."""
        self._add(message.encode("utf-8", "backslashreplace") + b"\n", is_decision=False)

    def read(self, stream: IO[bytes]) -> None:
        """Read the output of a program to its end in another thread."""
        reader = threading.Thread(target=self._read, args=(stream,), name="log reader", daemon=True)
        self._readers = [each for each in self._readers if each.is_alive()] + [reader]
        reader.start()

    @property
    def problem(self) -> str | None:
        """Why the sidecar must not be ready: a decision is not accounted for, or might not be soon. Else None."""
        with self._changed:
            if self.lost[NOT_MASKED]:
                return "the decision log is not masked"
            if self._behind or time.monotonic() < self._too_long_until:
                return "entries of the decision log were lost"
            if self._waiting and time.monotonic() - self._waiting[0][0] > LATE_SECONDS:
                return "the decision log cannot be written"
            return None

    def flush(self, seconds: float) -> bool:
        """Wait until the programs' output is read to its end and written; return False if that takes longer."""
        deadline = time.monotonic() + seconds
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            written = self._changed.wait_for(lambda: not self._waiting, max(0.0, deadline - time.monotonic()))
        return written and not any(reader.is_alive() for reader in self._readers)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for record in lines_of(stream, MAX_ENTRY_BYTES):
                line = record.text
                if record.size > MAX_ENTRY_BYTES:
                    self._lose(TOO_LONG)
                elif line.startswith(b"{"):
                    self._read_json(line)
                else:
                    # What a panic says may quote a request.
                    panic = PANIC.search(line)
                    self._add((line[: panic.end()] if panic else line) + b"\n", is_decision=False)

    def _read_json(self, line: bytes) -> None:
        try:
            entry = nesting.loads(line)
        except ValueError:
            self._lose(CUT_OFF)
            return
        is_decision = "decision_id" in entry
        if not is_masked(entry):
            self._lose(NOT_MASKED)
        elif self._add(line + b"\n", is_decision=is_decision) and is_decision:
            self._on_decision(entry.get("result"))

    def _lose(self, reason: str) -> None:
        with self._changed:
            self.lost[reason] += 1
            if reason == TOO_LONG:
                # Nothing that could be waited for would make up for it.
                self._too_long_until = time.monotonic() + NOTICE_SECONDS

    def _add(self, line: bytes, *, is_decision: bool) -> bool:
        with self._changed:
            # Its own length does not count: a long entry is not lost because a short one waits.
            if self.waiting_bytes >= MAX_WAITING_BYTES:
                if is_decision:
                    self.lost[BEHIND] += 1
                    self._behind = True
                return False
            self._waiting.append((time.monotonic(), line, is_decision))
            self.waiting_bytes += len(line)
            self._changed.notify_all()
            return True

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                _, line, is_decision = self._waiting[0]
            self._write_line(line)
            with self._changed:
                self._waiting.popleft()
                self.waiting_bytes -= len(line)
                self.written += is_decision
                if not self._waiting:
                    self._behind = False
                self._changed.notify_all()

    def _write_line(self, line: bytes) -> None:
        """Write a line whole, however long a full disk or a missing reader delays it."""
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._output, rest) :]
            except BlockingIOError:
                select.select([], [self._output], [], RETRY_SECONDS)
            except OSError:
                time.sleep(RETRY_SECONDS)


def is_masked(entry: Any) -> bool:
    """Whether the mask saw everything of a log entry that comes from a request.

    A mask that is undefined logs in clear, so the entry itself is checked. OPA lists in `masked` what was replaced: the
    whole, or the one field by which the mask of system/log.rego marks what may be kept as it was.
    """
    masked = entry.get("masked", ())
    return all(name not in entry or any(mark in masked for mark in marks) for name, marks in MARKS.items())
