"""Decision logs as platforms keep them: the same entries come out, parts are joined, and what is missing is counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from therapy_policy import EmbeddedClient
from therapy_policy.bulk.log_lines import (
    FORMATS,
    Format,
    LogText,
    Part,
    compose,
    cri,
    docker_json_file,
    kubectl_prefix,
    log_texts,
    syslog_3164,
    syslog_5424,
    unwrap,
    with_time,
)
from therapy_policy.bulk.replay import ReplayReport, replay
from therapy_policy.inputs import Record
from therapy_policy.policy.bundles import packaged_bundle

TIME = b"2026-11-27T11:27:06.769415686Z"
# As OPA writes it, with what could be taken for a prefix.
ENTRY = b'{"bundles":{},"decision_id":"1","msg":"Decision Log","path":"therapy/decision","time":"2026-11-27T11:27:06Z"}'
SAMPLES: list[tuple[Format, bytes, str]] = [
    (docker_json_file, b'{"log":%s,"stream":"stderr","time":"%s"}', "stderr"),
    (docker_json_file, b'{"log":%s,"stream":"stderr","attrs":{"tag":"x"},"time":"%s"}', "stderr"),
    (cri, TIME + b" stderr F ", "stderr"),
    (cri, b"2016-10-06T00:17:09.669794202+02:00 stdout F ", "stdout"),
    (kubectl_prefix, b"[pod/claims-7d4b9c/therapy-policy] ", "pod/claims-7d4b9c/therapy-policy"),
    (compose, b"therapy-policy-1  | ", "therapy-policy-1"),
    (compose, b"\x1b[36mtherapy-policy-1  | \x1b[0m", "therapy-policy-1"),
    # These two are from logger of util-linux 2.38.
    (syslog_3164, b"<13>Nov 27 11:27:07 vm therapy-policy[4711]: ", "vm therapy-policy[4711]"),
    (
        syslog_5424,
        b'<13>1 2026-11-27T11:27:08.073795+00:00 vm therapy-policy 4711 - [timeQuality tzKnown="1" isSynced="0"] ',
        "vm therapy-policy 4711",
    ),
    (syslog_5424, b'<165>1 - host app - ID47 [a@32473 b="x\\]y"][c@32473] \xef\xbb\xbf', "host app -"),
    (syslog_3164, b"Nov  7 11:27:07 vm therapy-policy[4711]: ", "vm therapy-policy[4711]"),
    (syslog_3164, b"2026-11-27T11:27:07+0000 vm opa[4711]: ", "vm opa[4711]"),
    (with_time, TIME + b" ", ""),
]


def in_docker(text: bytes, stream: str = "stderr") -> bytes:
    return json.dumps({"log": text.decode(errors="replace"), "stream": stream, "time": TIME.decode()}).encode()


@pytest.mark.parametrize(("form", "sample", "source"), SAMPLES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_format(form: Format, sample: bytes, source: str) -> None:
    inside = json.dumps(ENTRY.decode() + "\n").encode()
    line = sample % (inside, TIME) if form is docker_json_file else sample + ENTRY
    assert form(line) == Part(ENTRY, source)
    assert unwrap(line).text == ENTRY
    assert [each for each in FORMATS if each(line)][0] is form  # noqa: RUF015


def test_each_format_has_a_sample_and_none_takes_an_entry_itself() -> None:
    assert {form for form, _, _ in SAMPLES} == {*FORMATS}
    assert unwrap(ENTRY) == Part(ENTRY)
    assert unwrap(TIME + b" stderr F " + ENTRY[9:]).text == ENTRY[9:]


def test_a_time_within_a_prefix() -> None:
    assert unwrap(b"[pod/a/b] " + TIME + b" " + ENTRY).text == ENTRY
    assert unwrap(b"a-1  | " + TIME + b" " + ENTRY).text == ENTRY


def texts(lines: list[bytes], max_bytes: int = 10_000) -> list[LogText]:
    return list(log_texts((Record(line, len(line), n) for n, line in enumerate(lines, 1)), max_bytes))


def in_parts(wrap: Callable[[bytes, bool], bytes], text: bytes) -> Iterator[bytes]:
    for first in range(0, len(text), 40):
        yield wrap(text[first : first + 40], first + 40 < len(text))


def cri_part(stream: str, pod: str = "") -> Callable[[bytes, bool], bytes]:
    prefix = f"[pod/{pod}/opa] ".encode() if pod else b""
    return lambda text, more: prefix + TIME + f" {stream} {'P' if more else 'F'} ".encode() + text


def docker_part(stream: str) -> Callable[[bytes, bool], bytes]:
    return lambda text, more: in_docker(text if more else text + b"\n", stream)


WRITERS = {
    "docker": (docker_part("stdout"), docker_part("stderr")),
    "CRI": (cri_part("stdout"), cri_part("stderr")),
    "CRI of two pods": (cri_part("stderr", "a"), cri_part("stderr", "b")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_interleaved_parts_are_joined(name: str) -> None:
    first, second = WRITERS[name]
    other = ENTRY.replace(b'"1"', b'"2"')
    lines = [line for pair in zip(in_parts(first, ENTRY), in_parts(second, other), strict=True) for line in pair]
    assert len(lines) > 4
    assert [(each.text, each.line, each.incomplete) for each in texts(lines)] == [(ENTRY, 1, False), (other, 2, False)]
    assert sum(each.size for each in texts(lines)) == sum(map(len, lines))


def test_a_part_that_never_ends_is_given_up() -> None:
    parts = list(in_parts(cri_part("stderr"), ENTRY))
    whole = TIME + b" stderr F " + ENTRY
    assert [(each.line, each.incomplete) for each in texts(parts[:2])] == [(1, True)]
    assert [(each.line, each.incomplete) for each in texts([*parts[:2], whole])] == [(1, True), (3, False)]
    many = [cri_part("stderr", f"p{n}")(b"x" * 90, True) for n in range(10)]
    assert [each.line for each in texts(many, 200)] == list(range(1, 11))
    (long,) = texts([cri_part("stderr")(b"x" * 90, more) for more in (True, True, True, True, False)], 200)
    assert len(long.text) == 201


def test_a_character_that_docker_split_is_damage() -> None:
    text = '{"a":"–"}'.encode()
    (found,) = texts([in_docker(text[:7]), in_docker(text[7:] + b"\n")])
    assert found.damaged
    (found,) = texts([in_docker(text[:6]), in_docker(text[6:] + b"\n")])
    assert (found.text, found.damaged) == (text, False)


# --- replay


@pytest.fixture(scope="module")
def entry(client: EmbeddedClient) -> bytes:
    request = {"request_type": "referral_route", "island": "maui"}
    logged = {"bundles": {}, "decision_id": "1", "input": request, "path": "therapy/decision"}
    return json.dumps(logged | {"result": client.decide(request)}, separators=(",", ":")).encode()


def replayed(tmp_path: Path, log: bytes) -> ReplayReport:
    path = tmp_path / "log"
    path.write_bytes(log)
    return replay(str(path), None, packaged_bundle())


def not_read(report: ReplayReport) -> dict[str, tuple[int, str]]:
    return {why: (each.count, str(each.first)) for why, each in report.not_replayable.items()}


def test_gaps_are_told_from_damage(tmp_path: Path, entry: bytes) -> None:
    part = cri_part("stderr")
    logs: list[tuple[list[bytes], dict[str, tuple[int, str]]]] = [
        ([entry, entry[:-9]], {"cut_off": (1, "line 2")}),
        ([entry, entry[:-1]], {"cut_off": (1, "line 2")}),  # ends with a brace all the same
        ([entry[9:], entry], {"cut_off": (1, "line 1")}),
        ([part(entry, False), part(entry[:50], True)], {"cut_off": (1, "line 2")}),
        ([part(entry[:50], True), part(entry, False)], {"cut_off": (1, "line 1")}),
        ([part(entry[50:], False), part(entry, False)], {"cut_off": (1, "line 1")}),  # after a log rotation
        ([entry, b"{" + entry[2:]], {"damaged": (1, "line 2")}),
        ([entry, entry.replace(b'"1"', b'"\xff"')], {"damaged": (1, "line 2")}),
        ([entry, entry[:-9], entry + entry], {"cut_off": (1, "line 2"), "damaged": (1, "line 3")}),
        ([entry, entry.replace(b'"result":{', b'"result":{"x":1,')], {"no_decision": (1, "line 2")}),
        ([b"Using OPA 1.21.3", part(b"Starting", False), entry], {}),
    ]
    for lines, expected in logs:
        report = replayed(tmp_path, b"\n".join(lines))
        assert (not_read(report), report.identical) == (expected, 1)
        assert (report.incomplete is None) == (not {"cut_off", "damaged"} & expected.keys())


def test_a_gzip_log_that_is_cut_off_is_replayed_up_to_there(tmp_path: Path, entry: bytes) -> None:
    whole = gzip.compress((entry + b"\n") * 3)
    assert replayed(tmp_path, whole).identical == 3
    report = replayed(tmp_path, whole + gzip.compress(entry)[:-8])
    assert (report.identical, not_read(report)) == (3, {"cut_off": (1, "line 4")})


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_the_uploads_of_opa(tmp_path: Path, entry: bytes, between: bytes) -> None:
    upload = gzip.compress(b"[" + entry + b"," + entry + b"]" + between)
    report = replayed(tmp_path, upload + upload)
    assert (report.identical, report.entries, report.not_replayable) == (4, 4, {})
    report = replayed(tmp_path, upload + gzip.compress(b"[" + entry + b"," + entry[:-9]))
    assert (report.identical, [*report.not_replayable]) == (3, ["cut_off"])


def test_arrays_of_entries_on_lines_of_their_own(tmp_path: Path, entry: bytes) -> None:
    other = json.loads(entry)
    other["result"]["outcome"] = "pended"
    report = replayed(tmp_path, entry + b"\n[" + entry + b"," + json.dumps(other).encode() + b"]\n")
    assert (report.identical, report.different) == (2, 1)
    assert {str(each.first) for each in report.differences.values()} == {"line 2, event 2"}


def test_a_log_of_docker_with_parts(tmp_path: Path, entry: bytes, client: EmbeddedClient) -> None:
    requests: list[Any] = [{"request_type": "referral_route", "island": "maui"}] * 100
    value = json.loads(entry) | {"input": {"requests": requests}, "path": "therapy/decisions"}
    text = json.dumps(value | {"result": client.decide_many(requests)}).encode() + b"\n"
    parts = [text[first : first + 16384] for first in range(0, len(text), 16384)]
    assert len(parts) > 1
    report = replayed(tmp_path, b"\n".join(map(in_docker, parts)))
    assert (report.identical, report.not_replayable, report.lines) == (100, {}, len(parts))
