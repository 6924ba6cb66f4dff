"""Decide a whole file of requests on all cores into one file of decisions: `therapy-policy bulk`.

The input is cut into chunks: ranges of bytes in a file of lines, row groups in a Parquet file, and texts that this
process reads where a file cannot be cut, such as a gzip file. Each process decides one chunk at a time, and writes its
decisions to a part file. So the memory that a run needs does not depend on the size of the input.

`OUT.parts` has the parts until the output is finished, and `run.json`, which identifies the run, so that it can be
resumed. How an input is cut depends only on the input: a run that was interrupted and resumed writes the same bytes as
another. The output is joined from the parts and gets its name when it is finished.
"""

from __future__ import annotations

import _thread
import gzip
import hashlib
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from itertools import count
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from therapy_policy import nesting
from therapy_policy.bulk.arrow_schema import decision_schema
from therapy_policy.bulk.columns import texts_of_columns
from therapy_policy.bulk.input_columns import check_columns
from therapy_policy.bulk.record_batches import MAX_ROWS, Decided, Decider, Policy, in_parts
from therapy_policy.bulk.summary import Summary
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.errors import EngineNotAvailable, FileNotUsable, InputDamaged
from therapy_policy.files import packaged_file, progress_bar, stoppable
from therapy_policy.inputs import Record, open_input
from therapy_policy.wording import count_of

if sys.platform != "win32":
    import fcntl

CHUNK_BYTES = 4 << 20
CHUNK_TEXTS = 16_384
CHUNK_ROWS = 131_072  # of a row group
ROW_GROUP_ROWS = 131_072  # of the output
PARQUET, LINES, ZIPPED = ".parquet", ".jsonl", ".jsonl.gz"
MARK = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """A part of the input: `texts`, or else the lines that start in a range of bytes, or else rows of a row group."""

    number: int
    size: int  # bytes of the input, about
    texts: list[bytes] | None = None
    start: int = 0
    end: int = 0
    row_group: int | None = None
    first_row: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Options:
    """What to decide, and how to write it; for all processes of a run."""

    source: str
    output_format: str  # PARQUET, LINES or ZIPPED
    policy: Policy
    against: Policy | None
    decision_texts: bool
    most_ids: int  # of each kind of flip


def output_format(output: str) -> str:
    """Return the format that the name of an output says. Raises `FileNotUsable`."""
    if output == "-":
        return LINES
    for ending in (PARQUET, LINES, ZIPPED):
        if output.endswith(ending):
            return ending
    raise FileNotUsable(
        f"The ending of {output} does not say its format. Give --output a name that ends in .parquet, .jsonl or "
        ".jsonl.gz."
    )


def run(
    options: Options,
    target: str,
    write_out: Callable[[bytes], None],
    *,
    workers: int | None,
    resume: bool,
    force: bool,
    command: Sequence[str],
) -> Summary:
    """Decide every request of `options.source` into `target`; either may be `-`. Return the counts.

    `workers` is the number of processes; None is one for each processor. `command` resumes the run.

    Raises `FileNotUsable`, `Stopped`, `OSError`, `EngineNotAvailable` or `EngineError`. Finished parts are kept.
    """
    with stoppable(), ExitStack() as stack:
        source = _open_source(options.source, stack)
        if target == "-":
            if resume:
                raise FileNotUsable("A run to standard output cannot be resumed. Give --output a file name.")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="therapy-policy-bulk-")))
            parts, output = Parts(folder, options), None
        else:
            output = Path(target)
            if output.exists() and source.status is not None and os.path.samestat(source.status, os.stat(output)):
                raise FileNotUsable(f"{target} is the input itself. Give --output another name.")
            parts = stack.enter_context(
                _kept_parts(output, options, source.identity, resume=resume, force=force, command=command)
            )
        with progress_bar(source.total, visible=target != "-" or not sys.stdout.isatty()) as advance:
            whole = stack.enter_context(Whole(parts, write_out if output is None else None))
            numbers = _decide_all(source.chunks, parts, whole, workers or _processors(), advance)
        if source.identity is not None and source.identity != _identity_of_file(os.stat(options.source)):
            raise FileNotUsable(f"{options.source} changed while it was read. Run it again with --force.")
        summary = Summary()
        for number in range(numbers):
            summary.add(parts.summary(number), options.most_ids)
        whole.finish(output)
        return summary


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- the input


class _Source(NamedTuple):
    chunks: Iterator[Chunk]
    total: int | None  # of `Chunk.size`, if it is known
    status: os.stat_result | None
    identity: dict[str, int] | None  # None if it cannot be read again


def _open_source(name: str, stack: ExitStack) -> _Source:
    if name.endswith(PARQUET):
        return _open_parquet(name, stack)
    opened = stack.enter_context(open_input(name))
    identity = None if opened.size is None else _identity_of_file(opened.status)
    records = opened.records(MAX_REQUEST_BYTES)
    if name != "-" and opened.size is not None and opened.progress_bytes is not None and not opened.in_arrays:
        return _Source(_ranges(opened.size), opened.size, opened.status, identity)
    return _Source(_texts(records), opened.progress_bytes, opened.status, identity)


def _ranges(size: int) -> Iterator[Chunk]:
    for number, start in enumerate(range(0, size, CHUNK_BYTES)):
        end = min(start + CHUNK_BYTES, size)
        yield Chunk(number, end - start, start=start, end=end)


def _texts(records: Iterator[Record]) -> Iterator[Chunk]:
    texts: list[bytes] = []
    number = size = 0
    for record in records:
        texts.append(record.text)
        size += record.size
        if len(texts) == CHUNK_TEXTS or size >= CHUNK_BYTES:
            yield Chunk(number, size, texts)
            number, texts, size = number + 1, [], 0
    if texts:
        yield Chunk(number, size, texts)


def _open_parquet(name: str, stack: ExitStack) -> _Source:
    try:
        status = os.stat(name)
        opened = stack.enter_context(pq.ParquetFile(name))
    except OSError as problem:
        why = problem.strerror or "it cannot be opened"
        raise FileNotUsable(f"{name} cannot be read: {why}. Give the name of a readable Parquet file.") from None
    except pa.ArrowException:
        raise FileNotUsable(f"{name} is not a Parquet file, or is damaged. Get an intact copy.") from None
    names = opened.schema_arrow.names
    if len({*names}) < len(names):
        raise FileNotUsable(f"{name} has two columns with the same name. Rename one.")
    groups = [opened.metadata.row_group(n) for n in range(opened.metadata.num_row_groups)]
    check_columns(name, opened.schema_arrow, partial(_values_of_column, name, len(groups)))
    size = sum(each.total_byte_size for each in groups)
    return _Source(_row_groups(groups), size, status, _identity_of_file(status))


def _identity_of_file(status: os.stat_result) -> dict[str, int]:
    return {"input_bytes": status.st_size, "input_modified_ns": status.st_mtime_ns}


def _row_groups(groups: Sequence[Any]) -> Iterator[Chunk]:
    numbers = count()
    for index, group in enumerate(groups):
        for first in range(0, group.num_rows, CHUNK_ROWS):
            rows = min(CHUNK_ROWS, group.num_rows - first)
            size = group.total_byte_size * rows // group.num_rows
            yield Chunk(next(numbers), size, row_group=index, first_row=first, rows=rows)


def _values_of_column(source: str, row_groups: int, column: str) -> Iterator[pa.Array]:
    for number in range(row_groups):
        for batch in _read_row_group(source, number, [column]):
            yield batch.column(column)


def _read_row_group(source: str, number: int, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(source) as opened:
            yield from opened.iter_batches(MAX_ROWS, row_groups=[number], columns=columns, use_threads=False)
    except (OSError, pa.ArrowException) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        raise InputDamaged(f"{source} is damaged: row group {number} cannot be read. Get an intact copy.") from None


def _batches(source: str, chunk: Chunk) -> Iterator[pa.Array]:
    """Yield the JSON texts of a chunk."""
    if chunk.row_group is not None:
        at = 0
        for batch in _read_row_group(source, chunk.row_group):
            first, end = max(at, chunk.first_row), min(at + len(batch), chunk.first_row + chunk.rows)
            if first < end:
                yield texts_of_columns(batch.slice(first - at, end - first))
            at += len(batch)
            if at >= chunk.first_row + chunk.rows:
                break
        return
    lines = pa.array(chunk.texts, pa.binary()) if chunk.texts is not None else _lines(source, chunk)
    yield from in_parts(lines)


def _lines(source: str, chunk: Chunk) -> pa.Array:
    """Return the lines that start in the range of a chunk, as `inputs.lines_of` gives them."""
    with open(source, "rb") as opened:
        if chunk.start:
            opened.seek(chunk.start - 1)
            _skip_line(opened)
        size = chunk.end - opened.tell()
        if size <= 0:
            return pa.array([], pa.binary())
        text = opened.read(size)
        if not text.endswith(b"\n"):
            text += opened.readline(MAX_REQUEST_BYTES + 1)
    if MARK in text:
        return pa.array([line.removeprefix(MARK) for line in text.removesuffix(b"\n").split(b"\n")], pa.binary())
    whole = pa.Array.from_buffers(
        pa.binary(), 1, [None, pa.array([0, len(text)], pa.int32()).buffers()[1], pa.py_buffer(text)]
    )
    lines = pc.split_pattern(whole, "\n").values
    return lines.slice(0, len(lines) - 1) if text.endswith(b"\n") else lines


def _skip_line(opened: IO[bytes]) -> None:
    while (piece := opened.readline(CHUNK_BYTES)) and not piece.endswith(b"\n"):
        pass


# --- the processes


def _decide_all(
    chunks: Iterator[Chunk], parts: Parts, whole: Whole, workers: int, advance: Callable[[int, int], None]
) -> int:
    """Decide all chunks that have no part yet, and add all parts to the output; return the number of chunks."""
    rows = number = waiting = 0
    to_do: list[Chunk] = []
    for chunk in chunks:
        number = chunk.number + 1
        if (done := parts.rows_done(chunk.number)) is None:
            to_do.append(chunk)
            break
        rows += done
        advance(chunk.size, rows)
    if not to_do:
        whole.add_finished()
        return number
    # Arrow in the new processes then keeps the memory of one batch for the next, a seventh of the work.
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
    processes = _Processes(workers, parts)
    try:

        def take(most_waiting: int) -> None:
            nonlocal rows, waiting
            while waiting > most_waiting:
                chunk, decided = processes.next_decided()
                waiting -= 1
                rows += decided
                advance(chunk.size, rows)
                whole.add_finished()

        for chunk in (each for some in (to_do, chunks) for each in some):
            number = chunk.number + 1
            if (done := parts.rows_done(chunk.number)) is not None:
                rows += done
                advance(chunk.size, rows)
                continue
            take(2 * workers - 1)
            processes.decide(chunk)
            waiting += 1
        take(0)
        whole.add_finished()
    except BrokenProcessPool:
        raise EngineNotAvailable(
            "A process of the run ended unexpectedly, for example because the machine has too little memory. "
            "Use a smaller number of --workers, and --resume if OUT is a file."
        ) from None
    finally:
        processes.end()
    return number


class _Processes:
    """The processes that decide chunks, with an executor that only another thread uses.

    A signal interrupts the main thread with an exception. In a method of the executor, a lock could stay taken that the
    executor needs to end. So the main thread uses only queues, which it can leave at any time.
    """

    def __init__(self, workers: int, parts: Parts) -> None:
        self._to_do: SimpleQueue[Chunk | None] = SimpleQueue()
        self._decided: SimpleQueue[tuple[Chunk, int | BaseException]] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._executor = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(parts.options, parts.folder)
        )
        _thread.start_new_thread(self._work, ())  # threading.Thread would have locks here, too

    def decide(self, chunk: Chunk) -> None:
        """Have a chunk decided."""
        self._to_do.put(chunk)

    def next_decided(self) -> tuple[Chunk, int]:
        """Wait for a chunk to be decided; return it and the number of its rows. Raises what the process raised."""
        chunk, outcome = self._decided.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return chunk, outcome

    def end(self) -> None:
        """Wait for the chunks that are being decided, and end the processes."""
        self._to_do.put(None)
        self._ended.get()

    def _work(self) -> None:
        while (chunk := self._to_do.get()) is not None:
            try:
                self._executor.submit(_decide_chunk, chunk).add_done_callback(partial(self._report, chunk))
            except BaseException as error:  # such as a process that ended
                self._decided.put((chunk, error))
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._ended.put(None)

    def _report(self, chunk: Chunk, future: Future[int]) -> None:
        if not future.cancelled():
            self._decided.put((chunk, future.exception() or future.result()))


_task: tuple[Options, Path] | None = None  # of a process that decides


def _start(options: Options, folder: Path) -> None:
    """Prepare a process: it leaves signals to its parent, and ends when the parent does."""
    global _task
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _task = options, folder


@cache
def _decider(options: Options) -> Decider:
    return Decider(
        options.policy,
        options.against,
        decision_texts=options.decision_texts,
        rows_as_json=options.output_format != PARQUET,
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _decide_chunk(chunk: Chunk) -> int:
    """Decide a chunk into a part file; return the number of its rows."""
    assert _task is not None
    options, folder = _task
    decider = _decider(options)
    parts = Parts(folder, options)
    summary = Summary()
    unfinished = folder / f"{chunk.number:08}.{os.getpid()}.unfinished"
    with _writer(unfinished, options, decider) as write:
        for texts in _batches(options.source, chunk):
            decided = decider.decide(texts)
            write(decided)
            summary.count(decided, options.most_ids)
    os.replace(unfinished, parts.part(chunk.number))
    parts.keep_summary(chunk.number, summary)
    return summary.rows


@contextmanager
def _writer(path: Path, options: Options, decider: Decider) -> Iterator[Callable[[Decided], object]]:
    if options.output_format == PARQUET:  # Arrow's own format is quick to write and to read
        compressed = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(str(path), decider.schema, options=compressed) as writer:
            yield lambda decided: writer.write_batch(decided.columns(decider.schema))
    elif options.output_format == ZIPPED:
        with open(path, "wb") as stored, gzip.GzipFile("", "wb", 6, stored, mtime=0) as file:
            yield lambda decided: file.write(decided.json_lines(options.decision_texts))
    else:
        with open(path, "wb") as file:
            yield lambda decided: file.write(decided.json_lines(options.decision_texts))


# --- the parts, and the output


class Parts:
    """The part files of a run, each with a JSON file of its counts, which is written last."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self.options = folder, options

    def part(self, number: int) -> Path:
        return self.folder / f"{number:08}{self.options.output_format}"

    def _summary_file(self, number: int) -> Path:
        return self.folder / f"{number:08}.json"

    def keep_summary(self, number: int, summary: Summary) -> None:
        """Record that a part is finished."""
        note = {"part_bytes": self.part(number).stat().st_size, "summary": summary.as_dict()}
        unfinished = self.folder / f"{number:08}.{os.getpid()}.unfinished"
        unfinished.write_text(json.dumps(note), encoding="utf-8")
        os.replace(unfinished, self._summary_file(number))

    def summary(self, number: int) -> dict[str, Any]:
        """Return the counts of a finished part."""
        summary: dict[str, Any] = json.loads(self._summary_file(number).read_text(encoding="utf-8"))["summary"]
        return summary

    def rows_done(self, number: int) -> int | None:
        """Return the number of rows of a part, or None if it is not finished."""
        try:
            note = json.loads(self._summary_file(number).read_text(encoding="utf-8"))
            whole = note["part_bytes"] == self.part(number).stat().st_size
            return int(note["summary"]["rows"]) if whole else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # also if the machine crashed while it was written


class Whole:
    """The output, joined from the parts while others are still decided. It gets its name at the end."""

    def __init__(self, parts: Parts, write_out: Callable[[bytes], None] | None) -> None:
        """`write_out` is for output without a file."""
        self._parts, self._write_out = parts, write_out
        self.path = parts.folder / f"whole{parts.options.output_format}"
        self._next = 0
        self._tables: list[pa.Table] = []
        self._file: IO[bytes] | None = None
        self._tables_file: pq.ParquetWriter | None = None

    def __enter__(self) -> Whole:
        options = self._parts.options
        if options.output_format == PARQUET:
            schema = decision_schema(against=options.against is not None, decision_texts=options.decision_texts)
            self._tables_file = pq.ParquetWriter(self.path, schema, compression="zstd", compression_level=1)
        elif self._write_out is None:
            self._file = open(self.path, "wb")
        return self

    def add_finished(self) -> None:
        """Add the parts that are finished and come next."""
        while self._parts.rows_done(self._next) is not None:
            part = self._parts.part(self._next)
            self._next += 1
            if self._tables_file:
                with pa.ipc.open_file(str(part)) as opened:
                    self._tables.append(opened.read_all())
                if sum(map(len, self._tables)) >= ROW_GROUP_ROWS:
                    self._write_tables()
            elif self._file:
                with open(part, "rb") as opened_part:
                    shutil.copyfileobj(opened_part, self._file, CHUNK_BYTES)
            elif self._write_out:
                self._write_out(part.read_bytes())
                part.unlink()

    def _write_tables(self) -> None:
        if self._tables_file and self._tables:
            self._tables_file.write_table(pa.concat_tables(self._tables), ROW_GROUP_ROWS * 2)
        self._tables = []

    def finish(self, output: Path | None) -> None:
        """Give the output its name, and delete the parts."""
        self._write_tables()
        self._close()
        if output:
            with open(self.path, "rb") as whole:
                os.fsync(whole.fileno())
            os.replace(self.path, output)
            shutil.rmtree(self._parts.folder)

    def _close(self) -> None:
        for file in (self._file, self._tables_file):
            if file:
                file.close()

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        self._close()


@contextmanager
def _kept_parts(
    output: Path,
    options: Options,
    identity: dict[str, int] | None,
    *,
    resume: bool,
    force: bool,
    command: Sequence[str],
) -> Iterator[Parts]:
    """Give the folder of a run's parts. If the run does not finish, keep it, and print how to resume."""
    folder = output.with_name(output.name + ".parts")
    if output.exists() and not output.is_file():
        raise FileNotUsable(f"{output} is not a file. Give --output the name of a file, or - for standard output.")
    if output.exists() and not force:
        raise FileNotUsable(f"{output} already exists. Give another name, or use --force to replace it.")
    if resume and identity is None:
        raise FileNotUsable(f"Only a file can be resumed, and {options.source} is not one. Use --force to start over.")
    if folder.exists() and not (resume or force):
        raise FileNotUsable(f"{folder} holds an unfinished run. Use --resume to continue it, or --force to start over.")
    if resume and not folder.exists():
        print(f"There is no {folder} to resume. Starting with the first row.", file=sys.stderr)
    folder.mkdir(parents=False, exist_ok=True)
    note = {**_identity(options), **(identity or {})}
    note_file = folder / "run.json"
    with open(os.open(note_file, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8") as locked:
        _lock(locked, folder)
        text = locked.read()
        if text and resume:
            _check_same_run(text, note, folder, options.source)
        else:
            for each in folder.iterdir():
                if each != note_file:
                    each.unlink()
        locked.seek(0)
        locked.truncate()
        locked.write(json.dumps(note, indent=1))
        locked.flush()
        parts = Parts(folder, options)
        try:
            yield parts
        finally:
            if folder.exists():  # otherwise the output is finished
                for each in folder.glob("*.unfinished"):
                    each.unlink(missing_ok=True)
                kept = sum(1 for _ in folder.glob("[0-9]*.json"))
                if kept and identity is not None:
                    print(f"{count_of(kept, 'finished part')} of the run kept in {folder}.", file=sys.stderr)
                    print(
                        f"To resume, run: {shlex.join([*command, *([] if resume else ['--resume'])])}", file=sys.stderr
                    )
                else:
                    shutil.rmtree(folder, ignore_errors=True)


def _lock(file: IO[str], folder: Path) -> None:
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileNotUsable(f"Another run is writing {folder}. Wait for it, or give another name.") from None


def _check_same_run(text: str, note: dict[str, Any], folder: Path, source: str) -> None:
    try:
        before = nesting.loads(text)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        raise FileNotUsable(f"{folder / 'run.json'} cannot be read. Use --force to start over.")
    if {name: before.get(name) for name in note if name.startswith("input_")} != {
        name: value for name, value in note.items() if name.startswith("input_")
    }:
        raise FileNotUsable(
            f"{source} is a different file, or has changed since the run that wrote {folder}. "
            "Use --force to start over."
        )
    if before != note:
        raise FileNotUsable(
            f"The policy, the options or the program changed since the run that wrote {folder}. "
            "Use --force to start over."
        )


def _identity(options: Options) -> dict[str, Any]:
    return {
        "program": metadata.version("therapy-policy"),
        "policy": _digest(options.policy),
        "against": None if options.against is None else _digest(options.against),
        "format": options.output_format,
        "decision_texts": options.decision_texts,
        "most_ids": options.most_ids,
    }


def _digest(policy: Policy) -> str:
    wasm = packaged_file("policy.wasm").read_bytes() if policy.wasm is None else policy.wasm
    data = packaged_file("data.json").read_bytes() if policy.data is None else policy.data
    return hashlib.sha256(hashlib.sha256(wasm).digest() + hashlib.sha256(data).digest()).hexdigest()
