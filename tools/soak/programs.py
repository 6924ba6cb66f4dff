"""vegeta, which sends the load, and toxiproxy, which damages connections: built once from source, kept in the cache."""

from __future__ import annotations

from pathlib import Path

from therapy_policy.toolchain.fetching import ReportStep, Unusable, in_cache, keep, to_stderr, workplace
from therapy_policy.toolchain.go import GoProgram, build

VEGETA = GoProgram(
    "vegeta",
    "github.com/tsenart/vegeta/v12",
    "github.com/tsenart/vegeta/v12",
    "12.13.0",
    "h1:J/UiNS3f69MkL0tsRLVUUV8uXXQZxdRUchtS+GYiSFc=",
)
TOXIPROXY = GoProgram(
    "toxiproxy",
    "github.com/Shopify/toxiproxy/v2",
    "github.com/Shopify/toxiproxy/v2/cmd/server",
    "2.12.0",
    "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg=",
)


def program(wanted: GoProgram, progress: ReportStep = to_stderr) -> Path:
    """Return the path of a program from the cache or, the first time, from a build.

    Raises `Unusable`.
    """
    try:
        return in_cache(wanted.name, wanted.version)
    except Unusable as problem:
        progress(str(problem))
    with workplace() as work:
        return keep(build(wanted, Path(work), progress), wanted.name, wanted.version)
