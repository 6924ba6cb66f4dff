"""The lines of a log without what a platform puts around them, and with their parts joined.

`FORMATS` has one function for each way to keep a log. Each takes a line and returns what is inside, or None if the line
is of another format. They can be nested, such as a time within the prefix of a container.

Where a platform splits long lines into parts, the parts of one container and stream are joined, whatever is between
them. A text whose beginning or end is not in the log is marked as incomplete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from therapy_policy import nesting
from therapy_policy.inputs import Record

MAX_NESTED = 4
REPLACEMENT = "\ufffd".encode()


@dataclass(frozen=True)
class Part:
    """What is inside a line. `source` identifies its container and stream; with `more`, a later line continues it."""

    text: bytes
    source: str = ""
    more: bool = False


Format = Callable[[bytes], Part | None]


@dataclass(frozen=True)
class LogText:
    """A text that a program wrote as one line: `line` is where it starts in the log, counted from 1.

    `size` is the bytes it takes in the log. It is `incomplete` if a part of it is not in the log, and `damaged` if the
    platform replaced bytes in it.
    """

    text: bytes
    line: int
    size: int
    element: int | None = None
    incomplete: bool = False
    damaged: bool = False


_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"


def docker_json_file(line: bytes) -> Part | None:
    r"""Docker's `json-file` driver: `{"log":"TEXT\n","stream":"stderr","time":"…"}`.

    A line of over 16 KiB is split; only its last part ends with a newline. Where the split is inside of a character,
    Docker writes U+FFFD for each of its bytes.
    https://docs.docker.com/engine/logging/drivers/json-file/,
    https://github.com/moby/moby/blob/master/daemon/logger/copier.go
    """
    if not _DOCKER.match(line):
        return None
    try:
        value = nesting.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict) or not value.keys() <= {"log", "stream", "attrs", "time"}:
        return None
    text, stream = value.get("log"), value.get("stream", "")
    if not isinstance(text, str) or not isinstance(stream, str):
        return None
    more = not text.endswith("\n")
    return Part(text.removesuffix("\n").removesuffix("\r").encode(errors="replace"), stream, more)


_DOCKER = re.compile(rb'\{\s*"(?:log|stream|attrs|time)"\s*:')


def cri(line: bytes) -> Part | None:
    """The log files of containerd and CRI-O: `TIME STREAM TAG TEXT`, with the tag F for full, or P for a part.

    https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
    """
    if found := _CRI.match(line):
        return Part(line[found.end() :], found["stream"].decode(), more=found["tag"] == b"P")
    return None


_CRI = re.compile(_TIME + rb" (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\S*)? ")


def kubectl_prefix(line: bytes) -> Part | None:
    """`kubectl logs --prefix`: `[pod/NAME/CONTAINER] TEXT`.

    https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
    """
    return _prefixed(_KUBECTL, line)


_KUBECTL = re.compile(rb"\[(?P<source>pod/[^\s/\]]+/[^\s/\]]+)\] ")


def compose(line: bytes) -> Part | None:
    """`docker compose logs`: `SERVICE-1  | TEXT`.

    https://docs.docker.com/reference/cli/docker/compose/logs/
    """
    return _prefixed(_COMPOSE, line)


_COMPOSE = re.compile(rb"(?:\x1b\[[0-9;]*m)*(?P<source>[A-Za-z0-9][\w.@-]*) +\| ?(?:\x1b\[[0-9;]*m)*")


def syslog_5424(line: bytes) -> Part | None:
    """RFC 5424: `<PRI>1 TIME HOST APP PROCESS MESSAGE-ID STRUCTURED-DATA TEXT`.

    https://www.rfc-editor.org/rfc/rfc5424
    """
    return _prefixed(_SYSLOG_5424, line)


_STRUCTURED_DATA = rb'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)'
_SYSLOG_5424 = re.compile(
    rb"(?:\d+ )?<\d{1,3}>1 (?:-|"
    + _TIME
    + rb") (?P<source>\S+ \S+ \S+) \S+ "
    + _STRUCTURED_DATA
    + rb" (?:\xef\xbb\xbf)?"
)


def syslog_3164(line: bytes) -> Part | None:
    """RFC 3164: `<PRI>Mmm dd hh:mm:ss HOST TAG[PROCESS]: TEXT`.

    Files of rsyslog and the short output of `journalctl` are without the priority, and can have another form of time.
    https://www.rfc-editor.org/rfc/rfc3164, https://www.freedesktop.org/software/systemd/man/latest/journalctl.html
    """
    return _prefixed(_SYSLOG_3164, line)


_SYSLOG_3164 = re.compile(
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|"
    + _TIME
    + rb") (?P<source>[\w.:@-]+ [^\s:{\"]+): ?"
)


def with_time(line: bytes) -> Part | None:
    """`docker logs --timestamps` and `kubectl logs --timestamps`: `TIME TEXT`."""
    found = _WITH_TIME.match(line)
    return Part(line[found.end() :]) if found else None


_WITH_TIME = re.compile(_TIME + rb" (?=\{)")

WHOLE: tuple[Format, ...] = (docker_json_file, cri)  # what is inside is what the program wrote
FORMATS: tuple[Format, ...] = (*WHOLE, kubectl_prefix, compose, syslog_5424, syslog_3164, with_time)


def _prefixed(pattern: re.Pattern[bytes], line: bytes) -> Part | None:
    found = pattern.match(line)
    return Part(line[found.end() :], found["source"].decode(errors="replace")) if found else None


def unwrap(line: bytes) -> Part:
    """Return what is inside a line; the line itself if it is of no known format."""
    part = Part(line)
    for _ in range(MAX_NESTED):
        form, inner = next(((form, inner) for form in FORMATS if (inner := form(part.text))), (None, None))
        if inner is None:
            break
        part = Part(inner.text, f"{part.source} {inner.source}", inner.more)
        if form in WHOLE:
            break
    return part


# The first field of OPA's log entries, which has its fields in alphabetical order: nothing inside of an entry is so.
_STARTS_ENTRY = re.compile(rb'\{"(?:bundles|client_addr|decision_id|fields\.time|labels|level)":')


@dataclass
class _Pending:
    """The parts so far of a text that later lines continue."""

    line: int
    text: bytearray = field(default_factory=bytearray)
    size: int = 0
    damaged: bool = False

    def add(self, part: Part, size: int, max_bytes: int) -> None:
        self.damaged |= bool(self.text) and (self.text.endswith(REPLACEMENT) or part.text.startswith(REPLACEMENT))
        self.text += part.text[: max(0, max_bytes + 1 - len(self.text))]
        self.size += size


def log_texts(records: Iterable[Record], max_bytes: int) -> Iterator[LogText]:
    """Yield each text of a log; one of more than `max_bytes` is cut off, so that it is still too long.

    At most twice as many bytes wait for their other parts; the oldest is given up beyond that.
    """
    pending: dict[str, _Pending] = {}
    waiting = 0
    for record in records:
        part = unwrap(record.text)
        begun = pending.pop(part.source, None)
        waiting -= len(begun.text) if begun else 0
        if begun and _STARTS_ENTRY.match(part.text):  # as after a container was killed while it wrote
            yield LogText(bytes(begun.text), begun.line, begun.size, incomplete=True)
            begun = None
        if begun is None and not part.more:
            yield LogText(part.text, record.line, record.size, record.element)
            continue
        begun = begun or _Pending(record.line)
        begun.add(part, record.size, max_bytes)
        if not part.more:
            yield LogText(bytes(begun.text), begun.line, begun.size, damaged=begun.damaged)
            continue
        pending[part.source] = begun
        waiting += len(begun.text)
        while waiting > 2 * max_bytes:
            oldest = pending.pop(next(iter(pending)))
            waiting -= len(oldest.text)
            yield LogText(bytes(oldest.text), oldest.line, oldest.size, incomplete=True)
    for begun in pending.values():
        yield LogText(bytes(begun.text), begun.line, begun.size, incomplete=True)
