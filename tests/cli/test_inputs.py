"""What a command reads: byte order marks, UTF-16, gzip, arrays; and what it refuses, each with what to do."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import EXAMPLES, as_line, one_error, run
from therapy_policy import EmbeddedClient, FileNotUsable, InputDamaged
from therapy_policy.inputs import _elements, open_input, read_request

VISIT = (EXAMPLES / "pt_visit.json").read_bytes()
ROUTE = b'{"request_type": "referral_route", "island": "maui"}'
SECRET = "Xylophone"
STORED: dict[str, Callable[[bytes], bytes]] = {
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text,
    "UTF-16-LE": lambda text: codecs.BOM_UTF16_LE + text.decode().encode("utf-16-le"),
    "UTF-16-BE": lambda text: codecs.BOM_UTF16_BE + text.decode().encode("utf-16-be"),
    "UTF-32-LE": lambda text: codecs.BOM_UTF32_LE + text.decode().encode("utf-32-le"),
    "gzip": gzip.compress,
    "gzip in two members": lambda text: gzip.compress(text[:50]) + gzip.compress(text[50:]),
    "gzip of UTF-16": lambda text: gzip.compress(codecs.BOM_UTF16_LE + text.decode().encode("utf-16-le")),
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "input"
        path.write_bytes(content)
        return str(path)

    return write


def records(name: str, max_bytes: int = 1000) -> list[bytes]:
    with open_input(name) as source:
        return [record.text for record in source.records(max_bytes)]


@pytest.mark.parametrize("stored", STORED)
def test_a_request_is_read_however_it_is_stored(file: Callable[[bytes], str], stored: str) -> None:
    text = '{"request_id": "é–😀"}\n'.encode()
    assert read_request(file(STORED[stored](text)), 1000) == text


@pytest.mark.parametrize("command", ["decide", "explain", "validate"])
def test_every_command_for_one_request_reads_it(command: str) -> None:
    result = run(command, "-", stdin=STORED["gzip of UTF-16"](VISIT))
    assert result.stdout == run(command, "-", stdin=VISIT).stdout
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("stored", STORED)
def test_lines_are_read_however_they_are_stored(file: Callable[[bytes], str], stored: str) -> None:
    text = b'{"a": 1}\r\n\nnot JSON\n' + b"x" * 2000 + b"\n" + codecs.BOM_UTF8 + b'{"b": 2}'
    lines = records(file(STORED[stored](text)))
    assert [line[:1001] for line in lines] == [b'{"a": 1}', b"", b"not JSON", b"x" * 1001, b'{"b": 2}']
    assert all(len(line) < 1010 for line in lines)


REFUSED = {
    "zip": (b"PK\x03\x04" + b"x" * 30, "a zip file", "Decompress"),
    "xz": (b"\xfd7zXZ\x00" + b"x" * 30, "an xz file", "Decompress"),
    "gzip twice": (gzip.compress(gzip.compress(VISIT)), "a gzip file in a gzip file", "Decompress it once"),
    "UTF-16 without a mark": (VISIT.decode().encode("utf-16-le"), "UTF-16 without", "Save it as UTF-8"),
    "UTF-16-BE without a mark": (VISIT.decode().encode("utf-16-be"), "UTF-16 without", "Save it as UTF-8"),
    "cut off gzip": (gzip.compress(VISIT * 9)[:-20], "cut off", "Get a complete copy"),
    "damaged gzip": (gzip.compress(VISIT)[:-8] + b"\x00" * 8, "damaged", "Get an intact copy"),
    "half a character": (codecs.BOM_UTF16_LE + VISIT.decode().encode("utf-16-le")[:-1], "UTF-16", "complete copy"),
    "an array": (b"[" + VISIT + b"]", "a file of requests", "therapy-policy batch"),
    "lines": (ROUTE + b"\n" + ROUTE, "a file of requests", "therapy-policy batch"),
    "a long array": (b"[\n" + (VISIT + b",") * 5000 + b"{}]", "a file of requests", "therapy-policy batch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(file: Callable[[bytes], str], name: str) -> None:
    content, problem, remedy = REFUSED[name]
    with pytest.raises(FileNotUsable) as caught:
        read_request(file(content), 1 << 20)
    assert problem in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("command", [["decide"], ["explain"], ["validate"], ["replay"], ["batch", "--output", "-"]])
def test_every_command_refuses_it_in_one_line(command: list[str]) -> None:
    result = run(*command, "-", stdin=REFUSED["gzip twice"][0])
    assert result.returncode == 2
    assert "Decompress it once" in one_error(result)


# --- Arrays


ARRAYS: dict[bytes, list[bytes]] = {
    b"[]": [],
    b" \n[ ] ": [],
    b"[{}]": [b"{}"],
    b'[ {"a": [1, "],{\\""]},\r\n 4e0 , nonsense, null]\n\n': [b'{"a": [1, "],{\\""]}', b"4e0", b"nonsense", b"null"],
    b"[{},,{}]": [b"{}", b"", b"{}"],
    b"[{},]": [b"{}", b""],
    b'[{"a": 1}][{"a": 2}]\n[]\n[3]': [b'{"a": 1}', b'{"a": 2}', b"3"],
    b"[{}]\n{}\n": [b"[{}]", b"{}"],  # lines, of which the first is not a request
    b"[]\n{}\n": [b"[]", b"{}"],
    b"[pod/a/b] {}\n": [b"[pod/a/b] {}"],
    b'["' + b"x" * 3000 + b'", 1]': [b'"' + b"x" * 1000, b"1"],
    b"[{}," + b" " * 3000 + b"1]": [b"{}", b"1"],
}


@pytest.mark.parametrize("text", ARRAYS, ids=lambda text: text[:20].decode())
def test_arrays_and_lines_are_told_apart(file: Callable[[bytes], str], text: bytes) -> None:
    assert records(file(text)) == ARRAYS[text]


@given(
    st.lists(
        st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=8)
    ),
    st.sampled_from([None, 1]),
    st.integers(1, 9),
)
def test_elements_are_whole_wherever_a_chunk_ends(values: list[Any], indent: int | None, size: int) -> None:
    written = json.dumps([{"a": each} for each in values], indent=indent).encode()
    stream = io.BytesIO(written)
    found = list(_elements(iter(lambda: stream.read(size), b""), 10_000, "x"))
    assert [json.loads(record.text)["a"] for record in found] == values
    assert [record.element for record in found] == list(range(1, len(values) + 1))
    lines = written.split(b"\n")
    assert all(lines[record.line - 1].lstrip(b" [").startswith(record.text[:1]) for record in found)


@pytest.mark.parametrize("text", [b"[{}", b'[{"a": 1}, {"b": "]', b'[{"a": ["x"}'])
def test_an_array_that_does_not_end_is_an_error_after_its_elements(file: Callable[[bytes], str], text: bytes) -> None:
    with open_input(file(text)) as source, pytest.raises(InputDamaged, match="ends before its array does"):
        list(source.records(1000))


@pytest.mark.parametrize("text", [b"[{}] x", b'[{"a": ]}, {}]}', b'[{}]\n[{}]\n{"a": 1}', b"[{}}]"])
def test_what_is_between_arrays_is_never_passed_over(file: Callable[[bytes], str], text: bytes) -> None:
    with open_input(file(text)) as source, pytest.raises(FileNotUsable, match="Give one JSON array"):
        list(source.records(1000))


def test_a_bomb_is_read_in_little_memory(file: Callable[[bytes], str]) -> None:
    for start, end in ((b"[{},", b"]"), (b"{}\n", b"")):
        name = file(gzip.compress(start + b"0" * (64 << 20) + end))
        tracemalloc.start()
        _, record = records(name, 1 << 20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 1 << 20 < len(record) < (1 << 20) + 10
        assert peak < 8 << 20


# --- batch


def test_batch_decides_an_array_as_it_decides_lines(tmp_path: Path, client: EmbeddedClient) -> None:
    requests = [ROUTE, VISIT, b"4e0", b"nonsense", ROUTE]
    source = tmp_path / "in.json.gz"
    source.write_bytes(gzip.compress(b"[" + b",\n".join(requests) + b"]"))
    result = run("batch", source, "--output", tmp_path / "out.jsonl")
    decided = [each if each != b"nonsense" else b"null" for each in requests]
    expected = [as_line(client.decide_text(each)) for each in decided]
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(expected)
    assert result.returncode == 1
    assert b"(the first invalid one is element 3)" in result.stderr
    replayed = run("replay", tmp_path / "out.jsonl", "--requests", source)
    assert replayed.returncode == 0
    assert b"5  identical" in replayed.stdout

    # Resumed after two.
    about = source.stat()
    (tmp_path / "new.jsonl.partial").write_bytes(b"".join(expected[:2]))
    note = {"input_bytes": about.st_size, "input_modified_ns": about.st_mtime_ns}
    (tmp_path / "new.jsonl.partial.json").write_text(json.dumps(note))
    assert run("batch", source, "--output", tmp_path / "new.jsonl", "--resume").returncode == 1
    assert (tmp_path / "new.jsonl").read_bytes() == b"".join(expected)


def test_batch_keeps_the_decisions_before_the_damage(tmp_path: Path) -> None:
    source, output = tmp_path / "in.json", tmp_path / "out.jsonl"
    source.write_bytes(b"[" + ROUTE + b"," + ROUTE + b'\n, {"diagnosis": "' + SECRET.encode())
    result = run("batch", source, "--output", output)
    assert result.returncode == 2
    assert b"2 decisions are kept" in result.stderr
    assert b"the element on line 2" in result.stderr
    assert SECRET.encode() not in result.stderr
    assert output.with_name("out.jsonl.partial").read_bytes().count(b"\n") == 2


def test_a_character_that_is_not_utf_16_costs_its_own_record_only(file: Callable[[bytes], str]) -> None:
    text = ROUTE.decode() + '\n{"diagnosis": "\ud83d"}\n' + ROUTE.decode()
    name = file(codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass"))
    assert records(name) == [ROUTE, b'{"diagnosis": "\xff"}', ROUTE]
    result = run("batch", name, "--output", "-")
    outcomes = [json.loads(line)["outcome"] for line in result.stdout.splitlines()]
    assert outcomes == ["routed", "invalid_request", "routed"]
