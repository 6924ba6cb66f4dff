"""Compare numbers of places, which front.py has as `PLACES`: how many requests nginx gives OPA at a time.

One sidecar for each number is measured in turn, with the load that `make soak` has. The most is over all of them, so
that a number under which less is decided shows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.markdown import Markdown

from therapy_policy import EmbeddedClient
from therapy_policy.toolchain.go import program
from tools.soak.callers import questions_of
from tools.soak.load import Stage, attack
from tools.soak.programs import VEGETA
from tools.soak.sidecar import Sidecar

# `serve` with another number of places. The constant is not an option, because only this needs another one.
SERVE = """
import sys
from therapy_policy.sidecar import front
front.PLACES = int(sys.argv.pop(1))
from therapy_policy.cli import main
sys.exit(main())
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.soak.places", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", type=int, nargs="*", default=[2, 4, 8, 16, 32], help="default: 2 4 8 16 32")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each measurement (default 7)")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each (default 4)")
    options = parser.parse_args()
    vegeta = program(VEGETA)
    singles: dict[int, list[float]] = {number: [] for number in options.places}
    doubles: dict[int, list[tuple[float, Stage]]] = {number: [] for number in options.places}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack, EmbeddedClient() as client:
        scratch, questions = Path(name), questions_of(client)
        sidecars = {}
        for number in options.places:
            sidecars[number] = sidecar = Sidecar(scratch, str(number))
            sidecar.command = [sys.executable, "-c", SERVE, str(number)]
            stack.enter_context(closing(sidecar))
            sidecar.start()
            attack(vegeta, sidecar, questions, scratch, "warm-up", options.seconds, connections=8)
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds} …", file=sys.stderr, flush=True)
            # There and back, so that what else the machine does falls on all alike.
            order = options.places[:: -1 if turn % 2 else 1]
            goodput = {}
            for number in order:
                stage = attack(vegeta, sidecars[number], questions, scratch, "", options.seconds, connections=8)
                goodput[number] = stage.goodput
            most = max(goodput.values())
            for number in order:
                stage = attack(vegeta, sidecars[number], questions, scratch, "", options.seconds, rate=2 * most)
                singles[number].append(goodput[number] / most)
                doubles[number].append((stage.goodput / most, stage))
    lines = ["| places | 8 connections | twice the most | median | p99 | problems |", "| --: |" + " --: |" * 5]
    for number, measured in doubles.items():
        cells = [
            f"{median(singles[number]):.0%}",
            f"{median(share for share, _ in measured):.0%}",
            *(f"{median(stage.milliseconds(percent) for _, stage in measured):.0f} ms" for percent in (50, 99)),
            str(sum(stage.problems.total() for _, stage in measured)),
        ]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    Console().print(Markdown("\n".join(lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
