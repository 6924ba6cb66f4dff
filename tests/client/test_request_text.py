"""Request text: JSON that both engines read the same way, or an error that does not quote the request."""

import enum
import json
import pickle
import subprocess
import sys
from collections import OrderedDict, UserDict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proof.strategies import json_values
from therapy_policy.client.request_text import (
    MAX_BATCH_BYTES,
    MAX_BATCH_REQUESTS,
    MAX_REQUEST_BYTES,
    batches,
    checked_text,
    request_text,
)
from therapy_policy.errors import RequestNotJson, RequestTooLarge, TherapyPolicyError
from therapy_policy.nesting import MAX_DEPTH

SECRET = "Mrs. Kealoha fell"


def from_value(value: Any) -> str:
    return request_text(value).text


def from_text(text: str | bytes) -> str:
    return checked_text(text).text


def nested(levels: int, inner: Any = None) -> Any:
    for _ in range(levels - 1):
        inner = [inner]
    return [] if inner is None else [inner]


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    pass


# --- from Python values


@given(json_values())
def test_a_json_value_is_written_as_it_is(value: Any) -> None:
    assert json.loads(from_value(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, (2,)), "[1,[2]]"),
        (OrderedDict(b=1, a=True), '{"b":1,"a":true}'),
        ({Word("a"): Word("b"), "c": Colour.RED}, '{"a":"b","c":1}'),
        ("é\u2028😀\x00\x1f\x7f", '"é\u2028😀\\u0000\\u001f\x7f"'),
        ([4.0, 1e22, -0.0, 10**4000], f"[4.0,1e+22,-0.0,1{'0' * 4000}]"),
        ("\ud83d\ude00", '"😀"'),
        ({"a\ud83d": "\ude00b\ud83d\ud83d\ude00"}, '{"a\ufffd":"\ufffdb\ufffd😀"}'),
    ],
    ids=count(),
)
def test_values_that_only_python_has(value: Any, text: str) -> None:
    assert from_value(value) == text


def cycle() -> list[Any]:
    ring: list[Any] = []
    ring.append({"a": ring})
    return ring


def bomb() -> list[Any]:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"a": [float("-inf")]},
        10**5000,
        b"x",
        {"x"},
        Decimal("4"),
        date(2026, 3, 2),
        object(),
        UserDict(),
        range(3),
        (n for n in "ab"),
        {1: SECRET},
        {None: 1},
        {True: 1},
        {("a", "b"): 1},
        {"a": [{b"a": 1}]},
        cycle(),
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, 1),
        nested(5000),
    ],
    ids=count(),
)
def test_values_that_json_does_not_have_are_rejected(value: Any) -> None:
    with pytest.raises(RequestNotJson) as raised:
        request_text({"note": SECRET, "member": value})
    assert_silent(raised.value)


def test_nesting_has_a_limit() -> None:
    for value in nested(MAX_DEPTH), nested(MAX_DEPTH, 1):
        assert from_text(from_value(value)) == from_value(value)
    for value in nested(MAX_DEPTH + 1), nested(MAX_DEPTH + 1, 1):
        with pytest.raises(RequestNotJson, match="more than 100 levels"):
            request_text(value)
        with pytest.raises(RequestNotJson, match="more than 100 levels"):
            checked_text(json.dumps(value))


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    text = json.dumps(["[{" * 500])
    assert from_text(text) == text


@pytest.mark.parametrize(
    ("as_text", "letter"),
    [(from_value, "x"), (from_value, "é"), (lambda value: from_text(json.dumps(value)), "x")],
)
def test_size_has_a_limit(as_text: Callable[[str], str], letter: str) -> None:
    fits = letter * ((MAX_REQUEST_BYTES - 2) // len(letter.encode()))
    assert len(as_text(fits).encode()) == MAX_REQUEST_BYTES
    with pytest.raises(RequestTooLarge, match="1,048,576 bytes"):
        as_text(fits + "x")


def test_the_size_of_bytes_is_their_number() -> None:
    text = b'"' + "é".encode() * ((MAX_REQUEST_BYTES - 2) // 2) + b'"'
    assert from_text(text) == text.decode()
    with pytest.raises(RequestTooLarge):
        checked_text(text + b" ")


def test_a_bomb_of_shared_lists_ends_soon() -> None:
    with pytest.raises(RequestTooLarge):
        request_text(bomb())


# --- from JSON text


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "0",
        ' {"a": 4e0, "b":4.00 ,"c":-0}\r\n\t',
        "[1e999, -1E-999]",
        '"1e99999999"',
        "1" + "0" * 5000,
        "4." + "0" * 5000,
        '{"a": 1, "a": 2}',
        r'"\u00e9\uFFFF\u0000\ud7ff\ue000\/\b\f\n\r\t\"\\"',
        r'"\\ud83d \\\\ud83d"',
        '"\u2028\u2029\x7f\x85"',
        "[{}]",
    ],
    ids=count(),
)
def test_json_text_stays_as_written(text: str) -> None:
    assert from_text(text) == text
    assert from_text(text.encode()) == text


def test_large_exponents_are_replaced_in_numbers_only() -> None:
    text = r'{"a1e99999": [1e99999999, -1.5E-00001, 0e+1000, 1e999], "b": "\"1e5000\\", "c": 7e1234}'
    assert from_text(text) == r'{"a1e99999": [1e999, -1.5e999, 0e999, 1e999], "b": "\"1e5000\\", "c": 7e999}'


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        (r'"\ud83d\ude00"', '"😀"'),
        (r'{"\uD83D\uDE00": "\udbff\udfff"}', '{"😀": "\U0010ffff"}'),
        (r'"a\ud83db"', '"a\ufffdb"'),
        (r'"\ude00\ud83d"', '"\ufffd\ufffd"'),
        (r'"\ud83d\ud83d\ude00\ude00"', '"\ufffd😀\ufffd"'),
        (r'"\ud83d\\ude00"', '"\ufffd\\\\ude00"'),
        (r'"\\\ud83d\ude00\\ud83d\n"', r'"\\😀\\ud83d\n"'),
        (r'"\ud83d\u0041"', r'"' + "\ufffd" + r'\u0041"'),
        ('"\ud83d\ude00 \ud83d"', '"😀 \ufffd"'),
    ],
    ids=count(),
)
def test_surrogates_become_characters(text: str, replaced: str) -> None:
    assert from_text(text) == replaced


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "nul",
        "NaN",
        '{"a": [-Infinity]}',
        '"Infinity": 1',
        "[1,]",
        '{"a": 1,}',
        '{"a": 1} x',
        '1, "input": 2',
        "{} {}",
        "01",
        "+1",
        "1.",
        ".5",
        "0x1",
        "1e",
        "True",
        "'a'",
        "{a: 1}",
        '{1: "a"}',
        "/* */ 1",
        '"a',
        '"a\nb"',
        '"\x00"',
        r'"\x"',
        r'"\u12"',
        r'"\ud83d\u12"',
        "1\x00",
        "\x0b1",
        "\xa01",
        "\u06601",
        "\ufeff1",
        "[" * 2000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 2000,
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\xbd"',
        b'"\xf4\x90\x80\x80"',
        b'"\xc3',
        '"a"'.encode("utf-16"),
        b"\xef\xbb\xbf1",
    ],
    ids=count(),
)
def test_text_that_is_not_json_is_rejected(text: str | bytes) -> None:
    inside = json.dumps(SECRET).encode() + b", " + (text.encode() if isinstance(text, str) else text)
    for refused in (text, b"[" + inside, b"[" + inside + b"]"):
        with pytest.raises(RequestNotJson) as raised:
            checked_text(refused)
        assert_silent(raised.value)


def test_the_message_says_where() -> None:
    with pytest.raises(RequestNotJson, match=r"line 2, column 9"):
        checked_text('{"a": 1,\n "b": 2 3}')
    with pytest.raises(RequestNotJson, match=r"byte 3,"):
        checked_text(b'"ab\xff"')
    with pytest.raises(RequestNotJson, match=r"byte order mark"):
        checked_text("\ufeff{}")


def test_long_numbers_need_no_interpreter_setting() -> None:
    assert sys.get_int_max_str_digits() == 4300
    assert from_text("9" * 100_000) == "9" * 100_000


def assert_silent(error: BaseException | None) -> None:
    """Neither an error nor its causes contain anything from the request."""
    assert isinstance(error, TherapyPolicyError)
    while error:
        assert SECRET not in repr(vars(error)) + repr(error) + str(error)
        assert "Kealoha" not in str(getattr(error, "doc", "")) + str(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__


def test_errors_can_be_pickled() -> None:
    error = RequestNotJson("it is not JSON", 3)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.problem, copy.index) == (str(error), "it is not JSON", 3)


DEEP = """
import json, sys, threading
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, checked_text, request_text
from therapy_policy.errors import RequestNotJson
from therapy_policy.nesting import MAX_DEPTH, loads

def refuses(function, value):
    try:
        function(value)
    except (RequestNotJson, ValueError) as error:
        assert f"more than {MAX_DEPTH} levels" in str(error), error
    else:
        raise AssertionError

def check():
    most = MAX_REQUEST_BYTES // 6
    for text in ("[" * most + "]" * most, '{"a":' * most, "[[" + '"]]",[' * most, '["\\\\\\"",' * (most // 2)):
        refuses(checked_text, text)
        refuses(loads, text.encode("utf-16"))
    for value in ([], {}):
        for _ in range(MAX_DEPTH - 1):
            value = [value]
        assert loads(request_text(value).text) == value
        assert checked_text(request_text(value).text).text == request_text(value).text
        inner = value = [value]
        for _ in range(100_000):
            value = {"a": value}
        refuses(request_text, value)
        while isinstance(value, dict):
            value = value.pop("a")
    done.append(True)

done = []
"""


@pytest.mark.parametrize(
    "start",
    [
        "sys.setrecursionlimit(10**6)\ncheck()",
        "threading.stack_size(64 * 1024)\nthread = threading.Thread(target=check)\nthread.start()\nthread.join()",
    ],
    ids=["raised recursion limit", "small stack"],
)
def test_deep_json_does_not_end_the_process(start: str) -> None:
    script = f"{DEEP}{start}\nassert done"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


# --- batches


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), max_size=40))
def test_batches_keep_every_request_in_order(lengths: list[int]) -> None:
    texts = [json.dumps("x" * (length * MAX_BATCH_BYTES // 32)) for length in lengths]
    found: list[Any] = []
    for batch in batches(map(checked_text, texts)):
        requests = json.loads(batch.text)["requests"]
        assert [json.loads(request.text) for request in batch.requests] == requests
        assert batch.first == len(found)
        assert len(requests) == 1 or sum(len(request) + 2 for request in requests) <= MAX_BATCH_BYTES
        found += requests
    assert found == [json.loads(text) for text in texts]


def test_a_batch_has_at_most_as_many_requests_as_the_policy_accepts() -> None:
    lengths = [len(batch.requests) for batch in batches([checked_text("null")] * (2 * MAX_BATCH_REQUESTS + 1))]
    assert lengths == [MAX_BATCH_REQUESTS, MAX_BATCH_REQUESTS, 1]
