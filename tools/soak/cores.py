"""Which cores decide and which one sends the load, so that sending takes nothing from the sidecar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

Pin = Callable[[], None]


def _pin(cores: set[int]) -> Pin:
    """A function for a new process to begin with: it stays on some cores, where the system can do that."""

    def pin() -> None:
        if sys.platform == "linux":
            os.sched_setaffinity(0, cores)

    return pin


_CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
SEPARATE = len(_CORES) > 1
on_the_sidecars_cores = _pin(set(_CORES[:-1]) if SEPARATE else set(_CORES))
on_the_last_core = _pin(set(_CORES[-1:]))
IN_WORDS = (
    f"The sidecar had {len(_CORES) - 1} of the cores, and vegeta, which sent the load, the other one."
    if SEPARATE
    else "The machine also ran vegeta, which sent the load."
)
