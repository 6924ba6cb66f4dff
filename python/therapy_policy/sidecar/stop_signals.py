"""The signals that stop the sidecar.

This imports next to nothing, so that they are handled soon after the start: the first process of a container that does
not handle a signal never gets it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from therapy_policy.errors import Stopped

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class StopSignals:
    """The signals that stop the sidecar: `Stopped` while it starts; afterwards `number` says which one came."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.raises = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.number is None:
            self.number = number
            if self.raises:
                raise Stopped(number)


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Handle the signals that stop the sidecar. Under nohup, SIGHUP stays ignored."""
    stop = StopSignals()
    handled = [
        number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP
    ]
    previous = {number: signal.signal(number, stop) for number in handled}
    try:
        yield stop
    finally:
        stop.raises = False
        for number, handler in previous.items():
            signal.signal(number, handler)
