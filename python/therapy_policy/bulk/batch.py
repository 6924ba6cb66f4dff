"""Decide a file of requests, one per line or in a JSON array, into one decision per line, in the same order.

A request that the engine fails to decide gets a line with `not_decided` instead, and costs no other its decision. The
output gets its name only when it is finished. Until then it is `OUT.partial`, which has complete lines only.
`OUT.partial.json` identifies the input, so that an interrupted run can be resumed.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from therapy_policy import nesting
from therapy_policy.client.decision import Client, Decision
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, checked_text
from therapy_policy.errors import EngineError, FileNotUsable, RequestNotJson, RequestTooLarge
from therapy_policy.files import progress_bar, stoppable
from therapy_policy.inputs import Input, Record, open_input
from therapy_policy.wording import count_of

if sys.platform != "win32":
    import fcntl

CHUNK_LINES = 500
CHUNK_BYTES = 4 * 1024 * 1024


class NotDecided(TypedDict):
    """The line of a request that the engine failed to decide."""

    not_decided: str  # why; contains nothing of the request


@dataclass
class Tally:
    """Counts over the lines decided so far."""

    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    first_invalid: int | None = None
    not_decided: int = 0
    first_not_decided: int | None = None
    unit: str = "line"  # of the input
    policy_versions: set[str] = field(default_factory=set)

    def add(self, decision: Decision | NotDecided) -> None:
        self.lines += 1
        if "not_decided" in decision:
            self.not_decided += 1
            self.first_not_decided = self.first_not_decided or self.lines
            return
        outcome, version = decision["outcome"], decision["policy_version"]
        self.outcomes[outcome] += 1
        self.policy_versions.add(version)
        if outcome == "invalid_request" and self.first_invalid is None:
            self.first_invalid = self.lines

    def summary(self) -> str:
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.most_common())
        first = f" (the first invalid one is {self.unit} {self.first_invalid:,})" if self.first_invalid else ""
        not_decided = (
            f"; the engine failed to decide {count_of(self.not_decided, 'request')} "
            f"(the first is {self.unit} {self.first_not_decided:,})"
            if self.not_decided
            else ""
        )
        decided = self.lines - self.not_decided
        return f"{count_of(decided, 'decision')}{f': {counts}{first}' if counts else ''}{not_decided}"


def run(
    source: str,
    target: str,
    engine: Callable[[], Client],
    write_out: Callable[[bytes], None],
    *,
    resume: bool,
    force: bool,
) -> Tally:
    """Decide every line of `source` into `target`, either of which may be `-`; return the counts.

    Raises `FileNotUsable`, `Stopped`, `OSError`, or an exception of the engine. Earlier decisions are kept.
    """
    with stoppable(), open_input(source) as requests:
        if target == "-":
            if resume:
                raise FileNotUsable("A run to standard output cannot be resumed. Give --output a file name.")
            tally = Tally()
            _decide_all(requests, engine, tally, write_out, show_progress=not sys.stdout.isatty())
        else:
            note = None
            if requests.size is not None and requests.modified_ns is not None:
                note = {"input_bytes": requests.size, "input_modified_ns": requests.modified_ns}
            if Path(target).exists() and os.path.samestat(requests.status, os.stat(target)):
                raise FileNotUsable(f"{target} is the input itself. Give --output another name.")
            with PartialOutput(Path(target), source, note, resume=resume, force=force) as partial:
                tally = partial.tally
                _decide_all(requests, engine, tally, partial.write, show_progress=True)
                partial.finish()
    print(f"{tally.summary()}{'' if target == '-' else f' -> {target}'}", file=sys.stderr)
    return tally


def _decide_all(
    requests: Input,
    engine: Callable[[], Client],
    tally: Tally,
    write: Callable[[bytes], None],
    *,
    show_progress: bool,
) -> None:
    """Decide the requests that `tally` does not include yet, and add them to it."""
    records = requests.records(MAX_REQUEST_BYTES)
    with engine() as client, progress_bar(requests.progress_bytes, show_progress) as advance:
        for _ in range(tally.lines):
            if (decided_before := next(records, None)) is None:
                raise FileNotUsable(
                    "The input has fewer requests than were already decided. Use --force to start over."
                )
            advance(decided_before.size, 0)
        if requests.in_arrays:
            tally.unit = "element"
        for chunk, taken in _chunks(records):
            decisions = decide_lines(client, chunk)
            versions = tally.policy_versions | {
                each["policy_version"] for each in decisions if "not_decided" not in each
            }
            if len(versions) > 1:
                raise FileNotUsable(
                    f"The policy changed during the run: versions {' and '.join(sorted(versions))}. "
                    "Use --force to start over."
                )
            write(b"".join(_line(decision) for _, decision in zip(chunk, decisions, strict=True)))
            for decision in decisions:
                tally.add(decision)
            advance(taken, tally.lines)


def _line(decision: Decision | NotDecided) -> bytes:
    return (json.dumps(decision, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _chunks(records: Iterator[Record]) -> Iterator[tuple[list[bytes], int]]:
    chunk: list[bytes] = []
    taken = 0
    try:
        for record in records:
            chunk.append(record.text)
            taken += record.size
            if len(chunk) == CHUNK_LINES or taken >= CHUNK_BYTES:
                yield chunk, taken
                chunk, taken = [], 0
    except FileNotUsable:  # what comes before the damage is decided
        yield chunk, taken
        raise
    if chunk:
        yield chunk, taken


def decide_lines(client: Client, lines: list[bytes]) -> list[Decision | NotDecided]:
    """Decide lines, in order; a line that is not JSON is decided like `null`, which is not a request either."""
    try:
        return [*client.decide_texts(lines)]
    except (RequestNotJson, RequestTooLarge):
        decidable = [line if _is_json(line) else b"null" for line in lines]
        if decidable == lines:
            raise
        return decide_lines(client, decidable)
    except EngineError as error:
        if error.decisions is None:
            raise
        return [decision or NotDecided(not_decided=error.problem) for decision in error.decisions]


def _is_json(line: bytes) -> bool:
    try:
        checked_text(line)
    except (RequestNotJson, RequestTooLarge):
        return False
    return True


class PartialOutput:
    """The unfinished output: complete lines in `OUT.partial`, and a note that identifies the input.

    Leaving the context without `finish` keeps the complete lines and prints how to resume. Raises `FileNotUsable` and
    `OSError`.
    """

    def __init__(self, output: Path, source: str, note: dict[str, int] | None, *, resume: bool, force: bool) -> None:
        self.output, self.source, self.note, self.resume, self.force = output, source, note, resume, force
        self.path = output.with_name(output.name + ".partial")
        self.note_path = output.with_name(output.name + ".partial.json")
        self.tally = Tally()
        self.complete_bytes = 0

    def __enter__(self) -> PartialOutput:
        if self.output.exists() and not self.output.is_file():
            raise FileNotUsable(
                f"{self.output} is not a file. Give --output the name of a file, or - for standard output."
            )
        if self.output.exists() and not self.force:
            raise FileNotUsable(f"{self.output} already exists. Give another name, or use --force to replace it.")
        if self.resume and self.note is None:
            raise FileNotUsable(f"Only a file can be resumed, and {self.source} is not one. Use --force to start over.")
        if self.path.exists() and not (self.resume or self.force):
            raise FileNotUsable(
                f"{self.path} holds an unfinished run. Use --resume to continue it, or --force to start over."
            )
        resuming = self.resume and self.path.exists()
        if self.resume and not resuming:
            print(f"There is no {self.path} to resume. Starting with the first line.", file=sys.stderr)
        self.file = open(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666), "wb", buffering=0)
        self.identity = os.fstat(self.file.fileno())
        try:
            self._lock()
            if resuming:
                self._count_complete_lines()
            self.file.seek(self.complete_bytes)
            self.file.truncate()
            self.note_path.write_text(json.dumps(self.note), encoding="utf-8")
        except BaseException:
            self.file.close()
            raise
        return self

    def _lock(self) -> None:
        if sys.platform != "win32":
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise FileNotUsable(f"Another run is writing {self.path}. Wait for it, or give another name.") from None
            if not self._has_its_name():
                raise FileNotUsable(f"Another run has just finished {self.output}. Look at it, and try again.")

    def _has_its_name(self) -> bool:
        """Whether the open file is still `OUT.partial`, which another run may have created again since."""
        try:
            return os.path.samestat(self.identity, os.stat(self.path))
        except FileNotFoundError:
            return False

    def _count_complete_lines(self) -> None:
        try:
            note = nesting.loads(self.note_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise FileNotUsable(f"{self.note_path} cannot be read. Use --force to start over.") from None
        if note != self.note:
            raise FileNotUsable(
                f"{self.source} is a different file, or has changed since the run that wrote {self.path}. "
                "Use --force to start over."
            )
        with self.path.open("rb") as lines:
            for line in lines:
                try:
                    self.tally.add(nesting.loads(line if line.endswith(b"\n") else b""))
                except (ValueError, KeyError, TypeError):
                    break  # cut off here, as after a crash of the machine
                self.complete_bytes += len(line)

    def write(self, data: bytes) -> None:
        """Write complete lines."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]
        self.complete_bytes += len(data)

    def finish(self) -> None:
        """Rename the output to its final name. Until then it stays locked, so that no other run empties it."""
        os.fsync(self.file.fileno())
        self._close_on_windows()
        os.replace(self.path, self.output)

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        self._close_on_windows()
        try:
            if self._has_its_name():
                self._keep_complete_lines()
            else:
                self.note_path.unlink(missing_ok=True)
        finally:
            self.file.close()

    def _close_on_windows(self) -> None:
        if sys.platform == "win32":  # which renames and removes no open file, and has no lock here
            self.file.close()

    def _keep_complete_lines(self) -> None:
        with self.path.open("rb") as written:  # a signal may come before `write` counts what it wrote
            written.seek(self.complete_bytes)
            self.complete_bytes += written.read().rfind(b"\n") + 1
        if self.complete_bytes:
            os.truncate(self.path, self.complete_bytes)
            with self.path.open("rb") as lines:
                print(f"{sum(1 for _ in lines):,} decisions are kept in {self.path}.", file=sys.stderr)
            print(self._how_to_resume(), file=sys.stderr)
        else:
            self.path.unlink()
            self.note_path.unlink(missing_ok=True)

    def _how_to_resume(self) -> str:
        if self.note is None:
            return "Standard input cannot be resumed. Use --force to start over."
        command = ["therapy-policy", "batch", self.source, "--output", str(self.output), "--resume"]
        return f"To resume, run: {shlex.join(command + (['--force'] if self.force else []))}"
