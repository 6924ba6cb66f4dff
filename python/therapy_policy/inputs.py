"""What a command reads: a file, or standard input for `-`, as people have it.

| what is there | what happens |
|---|---|
| UTF-8, with or without a byte order mark | read |
| UTF-16 or UTF-32 with a byte order mark | read, as UTF-8 |
| any of these in a gzip file | read, as a stream |
| requests or events one per line, or in one or more JSON arrays | read, as a stream |
| UTF-16 without a byte order mark; zip, xz, bzip2, Zstandard; gzip in gzip | refused with what to do |
| a gzip or UTF-16 file that is cut off or damaged | read up to there, then `InputDamaged` |

Limits are on what comes out of a gzip file, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import IO, BinaryIO, cast

from therapy_policy import nesting
from therapy_policy.errors import FileNotUsable, InputDamaged
from therapy_policy.files import display_name

CHUNK_BYTES = 1 << 16
MAX_BLANK_BYTES = 1 << 20  # before an array

GZIP = b"\x1f\x8b"
REFUSED = {
    b"PK\x03\x04": "a zip file",
    b"\xfd7zX": "an xz file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
}
# UTF-32 first: its little-endian mark starts with that of UTF-16.
ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_UTF_16_WITHOUT_MARK = re.compile(rb"[^\x00]\x00[^\x00]\x00|\x00[^\x00]\x00[^\x00]", re.DOTALL)
# A word in brackets, such as the prefix of a log line, is not the start of an array.
_ARRAY = re.compile(rb"\s*\[\s*(?:[\[{\]\"]|null\b|true\b|false\b)")
_ONLY_BRACKET = re.compile(rb"\s*\[?\s*")


@dataclass(frozen=True)
class Record:
    """A request, an event, or a line of a log, as it was written.

    `size` is the bytes it takes in the input. `line` is the line on which it starts, and `element` its position if it
    is in an array; both are counted from 1. A text that is too long is cut off, so that it is still too long.
    """

    text: bytes
    size: int
    line: int
    element: int | None = None


class Input:
    """An open input; `stream` has its text in UTF-8, without a byte order mark.

    `size` and `modified_ns` are of the file as it is stored; both are None if it is not a regular file.
    `progress_bytes` is the number of bytes that `stream` will give, or None if that is unknown.
    """

    def __init__(self, name: str, stored: BinaryIO) -> None:
        self.name = display_name(name)
        self._stored = stored
        self.status = os.fstat(stored.fileno())
        regular = stat.S_ISREG(self.status.st_mode)
        self.size = self.status.st_size if regular else None
        self.modified_ns = self.status.st_mtime_ns if regular else None
        head = stored.read(len(codecs.BOM_UTF32_LE))
        chunks: Iterator[bytes] = chain([head], iter(lambda: _read_some(stored), b""))
        as_stored = not head.startswith(GZIP)
        if not as_stored:
            unzipped = self._unzipped(chunks)
            head = _at_least(4, unzipped)
            chunks = chain([head], unzipped)
            if head.startswith(GZIP):
                self._refuse("a gzip file in a gzip file", "Decompress it once")
        for start, what in REFUSED.items():
            if head.startswith(start):
                self._refuse(what, "Decompress it, or compress it with gzip")
        encoding = next((name for mark, name in ENCODINGS.items() if head.startswith(mark)), None)
        if encoding:
            chunks = self._as_utf_8(chunks, encoding)
        elif _UTF_16_WITHOUT_MARK.match(head):
            self._refuse("UTF-16 without a byte order mark", "Save it as UTF-8")
        self.progress_bytes = self.size if as_stored and not encoding else None
        self.stream = _stream_of(_without_mark(chunks))
        self.in_arrays = False  # known once `records` was called

    def __enter__(self) -> Input:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stored.close()

    def lines(self, max_bytes: int) -> Iterator[Record]:
        """Yield each line; see `lines_of`."""
        return lines_of(self.stream, max_bytes)

    def records(self, max_bytes: int) -> Iterator[Record]:
        """Yield each line or, if the input has JSON arrays, each of their elements.

        An element is whatever is between two commas: it need not be JSON. Raises `FileNotUsable` if the arrays
        themselves cannot be told apart or do not end.
        """
        head = b""
        while len(head) < MAX_BLANK_BYTES and _ONLY_BRACKET.fullmatch(head):
            if not (line := self.stream.readline(CHUNK_BYTES)):
                break
            head += line
        if _ARRAY.match(head) and not self._is_bad_first_line(head):
            self.in_arrays = True
            return _elements(chain([head], iter(lambda: self.stream.read1(CHUNK_BYTES), b"")), max_bytes, self.name)
        rest = chain([head], iter(lambda: self.stream.read1(CHUNK_BYTES), b""))
        return lines_of(_stream_of(rest), max_bytes)

    def _is_bad_first_line(self, head: bytes) -> bool:
        """Whether an input that starts with an array is a file of lines all the same, of which the first is wrong."""
        following = self.stream.peek(1).lstrip()
        return head.endswith(b"\n") and bool(following) and not following.startswith(b"[") and _is_json(head)

    def _unzipped(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        with gzip.GzipFile(fileobj=_stream_of(chunks)) as unzipped:
            while True:
                try:
                    chunk = unzipped.read1(CHUNK_BYTES)
                except EOFError:
                    raise InputDamaged(f"{self.name} is a gzip file that is cut off. Get a complete copy.") from None
                except (gzip.BadGzipFile, zlib.error):
                    raise InputDamaged(f"{self.name} is a gzip file that is damaged. Get an intact copy.") from None
                if not chunk:
                    return
                yield chunk

    def _as_utf_8(self, chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)("not_utf_8")
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        if decoder.getstate()[0]:
            raise InputDamaged(
                f"{self.name} ends in the middle of a character of {encoding[:6].upper()}: it is cut off or damaged. "
                "Get a complete copy."
            )

    def _refuse(self, what: str, remedy: str) -> None:
        raise FileNotUsable(f"{self.name} is {what}, which is not read. {remedy}.")


def open_input(name: str) -> Input:
    """Open a file, or standard input for `-`, to read its text. Use it as a context manager.

    Raises `FileNotUsable`; so does reading from it.
    """
    if name == "-":
        if sys.stdin is None:
            raise FileNotUsable("Standard input is closed. Give the name of a file.")
        return Input(name, sys.stdin.buffer)
    try:
        stored = open(name, "rb")  # noqa: SIM115
    except OSError as problem:
        raise FileNotUsable(f"{name} cannot be read: {problem.strerror}. Give the name of a readable file.") from None
    try:
        return Input(name, stored)
    except BaseException:
        stored.close()
        raise


def read_request(name: str, max_bytes: int) -> bytes:
    """Return the text of a file with one request; of a longer one than `max_bytes`, one byte more.

    Raises `FileNotUsable`, also if the file has several requests.
    """
    with open_input(name) as source:
        text = source.stream.read(max_bytes + 1)
    if _has_several_requests(text, max_bytes):
        raise FileNotUsable(
            f"{display_name(name)} holds a file of requests, not one request. "
            "Give one request, or decide them all: therapy-policy batch FILE --output OUT.jsonl."
        )
    return text


def _has_several_requests(text: bytes, max_bytes: int) -> bool:
    """Whether this is an array of objects, or an object on each line."""
    if len(text) > max_bytes and re.match(rb"\s*\[\s*\{", text):
        return True
    first, _, rest = text.lstrip().partition(b"\n")
    if first.startswith(b"{") and rest.lstrip().startswith(b"{"):
        return _is_json(first)
    if not first.startswith(b"["):
        return False
    try:
        value = nesting.loads(text)
    except ValueError:
        return False
    return bool(value) and all(isinstance(each, dict) for each in value)


def _is_json(text: bytes) -> bool:
    try:
        nesting.loads(text)
    except ValueError:
        return False
    return True


# What is not text in its encoding becomes a byte that is not UTF-8 either: the record with it is refused, and no other.
codecs.register_error("not_utf_8", lambda problem: ("\udcff", cast(UnicodeDecodeError, problem).end))


class _Chunks(io.RawIOBase):
    """Chunks of bytes, none of them empty, as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def _stream_of(chunks: Iterator[bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Chunks(filter(None, chunks)), CHUNK_BYTES)


def _read_some(stored: BinaryIO) -> bytes:
    return cast(io.BufferedReader, stored).read1(CHUNK_BYTES)


def _at_least(size: int, chunks: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < size and (chunk := next(chunks, b"")):
        head += chunk
    return head


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield _at_least(len(codecs.BOM_UTF8), chunks).removeprefix(codecs.BOM_UTF8)
    yield from chunks


def lines_of(stream: IO[bytes], max_bytes: int) -> Iterator[Record]:
    """Yield each line without its line ending and without a byte order mark, as where two files were joined.

    A line of more than `max_bytes` bytes is cut off after that, so that it is still too long.
    """
    limit = max_bytes + len(codecs.BOM_UTF8 + b"\r\n")
    number = 0
    while line := stream.readline(limit):
        size, last = len(line), line
        while last and not last.endswith(b"\n"):
            last = stream.readline(limit)
            size += len(last)
        number += 1
        yield Record(line.removesuffix(b"\n").removesuffix(b"\r").removeprefix(codecs.BOM_UTF8), size, number)


_IN_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BETWEEN = re.compile(rb'["\[\]{},]')
_BLANK = b" \t\r\n"
_INSIDE = re.compile(rb'["\[\]{}]')


def _elements(chunks: Iterator[bytes], max_bytes: int, name: str) -> Iterator[Record]:
    """Yield each element of arrays, which only white space and byte order marks may separate."""
    element = bytearray()
    depth = size = number = number_in_array = 0
    line = line_of_element = 1
    in_string = False
    carried = b""

    def keep(piece: bytes) -> None:
        """Add a piece to the element."""
        nonlocal size, line, line_of_element
        size += len(piece)
        if not element:
            bare = piece.lstrip(_BLANK)
            line_of_element = line + piece.count(b"\n", 0, len(piece) - len(bare))
            element.extend(bare[: max_bytes + 1])
        else:
            element.extend(piece[: max(0, max_bytes + 1 - len(element))])
        line += piece.count(b"\n")

    for read in chunks:
        chunk, at, start = carried + read, 0, 0
        carried = b""
        while at < len(chunk):
            if in_string:
                at = cast(re.Match[bytes], _IN_STRING.match(chunk, at)).end()
                if chunk[at : at + 1] == b"\\":  # the character that it escapes is in the next chunk
                    carried, chunk = chunk[at:], chunk[:at]
                in_string = at == len(chunk)
                at += 1
                continue
            found = (_BETWEEN if depth < 2 else _INSIDE).search(chunk, at)
            if depth == 0:
                outside = chunk[at : found.start() if found else len(chunk)]
                if outside.replace(codecs.BOM_UTF8, b"").strip(_BLANK) or (found and found[0] != b"["):
                    raise _not_an_array(name, line + outside.count(b"\n"), "has text outside of its array")
            if found is None:
                break
            mark, at = found[0], found.end()
            if mark == b'"':
                in_string = True
            elif mark in b"[{":
                depth += 1
                if depth == 1:
                    line += chunk.count(b"\n", start, at)
                    start, size, number_in_array = at, size + at - start, 0
            elif depth == 1:
                keep(chunk[start : at - 1])
                if mark == b"}":
                    raise _not_an_array(name, line, "has a } without its {")
                if element or mark == b"," or number_in_array:
                    number, number_in_array = number + 1, number_in_array + 1
                    yield Record(bytes(element.rstrip(_BLANK)), size + 1, line_of_element, number)
                    size = 0
                start, depth = at, 0 if mark == b"]" else 1
                element.clear()
            elif mark in b"]}":
                depth -= 1
        if depth:
            keep(chunk[start:])
        else:
            line += chunk.count(b"\n", start)
    if depth:
        raise InputDamaged(
            f"{name} ends before its array does. It is cut off, or a quote or bracket is missing in the element "
            f"on line {line_of_element:,}. Get a complete copy, or correct it."
        )


def _not_an_array(name: str, line: int, problem: str) -> FileNotUsable:
    return FileNotUsable(f"{name} {problem} (line {line:,}). Give one JSON array, or one JSON value per line.")
