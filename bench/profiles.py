"""What takes the time where an aim is missed: OPA's profile of a decision and its mask, and Python's of the client."""

from __future__ import annotations

import cProfile
import json
import pstats
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.embedded import BATCH
from bench.measure import in_words, table
from bench.requests import Request, different
from bench.sidecar import BUNDLE
from therapy_policy import EmbeddedClient

LONGEST_LIST = 6
LONGEST_TEXT = 80
RUNS = 3


def of_sidecar(opa: Path, request: Request) -> str:
    """The expressions of the rules that take most of the evaluation of a decision and of its log entry."""
    with tarfile.open(BUNDLE) as archive:
        sources = {
            each.name: content.read().decode().splitlines()
            for each in archive.getmembers()
            if each.name.endswith(".rego") and (content := archive.extractfile(each))
        }
    decision, entries = _profile(opa, "data.therapy.decision", request)
    event = {"path": "therapy/decision", "input": request, "result": decision}
    masking = _profile(opa, "data.system.log.mask", event)[1]
    decided, masked = (sum(evaluations for _, _, evaluations, _ in each) for each in (entries, masking))
    entries += masking
    whole = sum(seconds for *_, seconds in entries)
    rows = []
    for file, row, evaluations, seconds in sorted(entries, key=lambda entry: -entry[3])[:LONGEST_LIST]:
        text = sources[file][row - 1].strip()
        rows.append([f"{file.lstrip('/')}:{row}", f"`{_short(text)}`", str(evaluations), f"{seconds / whole:.0%}"])
    counted = f"OPA evaluates expressions {decided:,} times for the decision and {masked:,} times for the mask."
    return f"{counted}\n\n{table(['where', 'expression', 'evaluations', 'share of the evaluation'], rows)}"


def _profile(opa: Path, query: str, value: object) -> tuple[Any, list[tuple[str, int, int, float]]]:
    """Return the value of a query, and the place, evaluations and shortest time of each of its expressions."""
    command = [
        str(opa),
        "eval",
        "--bundle",
        str(BUNDLE),
        "--stdin-input",
        "--format=json",
        "--profile",
        f"--count={RUNS}",
    ]
    command += ["--profile-limit=10000", query]
    done = subprocess.run(command, input=json.dumps(value), capture_output=True, text=True, check=True)
    output = json.loads(done.stdout)
    entries = [
        (each["location"]["file"], each["location"]["row"], each["num_eval"], each["total_time_ns_stats"]["min"])
        for each in output["aggregated_profile"]
        if each["location"]["file"]  # the query itself has none
    ]
    return output["result"][0]["expressions"][0]["value"], entries


def of_embedded(request: Request, *, batch: bool) -> str:
    """The functions that take most of the time of a call of the client."""
    with EmbeddedClient() as client:
        if batch:
            many = different(request, BATCH)
            profile = _profiled(lambda: client.decide_many(many), 3)
        else:
            profile = _profiled(lambda: client.decide(request), 100)
    return _slowest(profile)


def of_bulk(lines: Sequence[bytes], requests: int, questions: int | None) -> str:
    """The steps, and the functions, that take most of the time of a process of `bulk` that decides such lines.

    The steps are computed for a run of this number of requests and distinct questions, each of which every process may
    meet; without `questions`, for these lines.
    """
    import pyarrow as pa

    from therapy_policy.bulk import run
    from therapy_policy.bulk.record_batches import Policy

    with TemporaryDirectory() as directory:
        source = Path(directory, "in.jsonl")
        source.write_bytes(b"\n".join(lines))
        options = run.Options(str(source), run.PARQUET, Policy(), None, decision_texts=False, most_ids=10)
        parts = run.Parts(Path(directory), options)
        with run.Whole(parts, None) as whole:
            chunks = list(run._ranges(source.stat().st_size))
            run._task = options, parts.folder

            def decide() -> None:
                for chunk in chunks:
                    run._decide_chunk(chunk)
                    whole.add_finished()
                whole.finish(None)

            # The first request takes longer.
            first = partial(run._decider(options).decide, pa.array([b"{}"]))
            profile = _profiled(decide, 1, before=first, timer=time.process_time)
            new = sum(parts.summary(chunk.number)["questions"] for chunk in chunks)
    if questions is None:
        requests, questions = len(lines), new
    return f"{_steps(profile, len(lines), new, requests, questions)}\n\n{_slowest(profile)}"


def _steps(profile: dict[Any, Any], lines: int, new: int, requests: int, questions: int) -> str:
    """A sentence and a table of what each line and each new question of a profile costs, and its share in a run."""
    seconds: Counter[tuple[str, str]] = Counter()
    for (file, _, function), (_, _, _, cumulative, _) in profile.items():
        seconds[Path(file).name, function] += cumulative
    answering = seconds["record_batches.py", "_answers"]
    of_lines = {
        "reading lines": seconds["run.py", "_lines"],
        "finding lines that ask the same": seconds["record_batches.py", "decide"] - answering,
        "counting for the summary": seconds["summary.py", "count"],
        "writing": sum(seconds["run.py", each] for each in ("<lambda>", "add_finished", "finish")),
    }
    steps = {step: (whole / lines, requests, "a line") for step, whole in of_lines.items()}
    steps["parsing and deciding"] = (answering / max(new, 1), questions, "a question")
    together = sum(each * times for each, times, _ in steps.values())
    rows = [
        [step, f"{in_words(each)} {unit}", f"{each * times / together:.0%}"]
        for step, (each, times, unit) in steps.items()
    ]
    counted = f"One process decided {lines:,} such lines, with {new:,} distinct questions."
    multiplied = f"What a line and a question took is multiplied to a run of {requests:,} with {questions:,}."
    return f"{counted} {multiplied}\n\n{table(['step', 'processor time', 'share'], rows)}"


def _slowest(profile: dict[Any, Any]) -> str:
    whole = sum(own for _, _, own, *_ in profile.values())
    rows = []
    for (file, line, function), (_, calls, own, *_) in sorted(profile.items(), key=lambda item: -item[1][2])[
        :LONGEST_LIST
    ]:
        where = f"{Path(file).name}:{line}" if line else "C"
        rows.append([where, f"`{_short(function)}`", f"{calls:,}", f"{own / whole:.0%}"])
    return table(["where", "function", "calls", "share of the time"], rows)


def _profiled(
    call: Callable[[], object],
    times: int,
    before: Callable[[], object] | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> dict[Any, Any]:
    """Profile a call after another one, in a thread of its own. For the main thread, the client works in another."""
    profile = cProfile.Profile(timer)

    def work() -> None:
        (before or call)()
        profile.enable()
        for _ in range(times):
            call()
        profile.disable()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return dict(pstats.Stats(profile).stats)  # type: ignore[attr-defined]


def _short(text: str) -> str:
    text = text.replace("|", "\\|").replace("`", "'")
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
