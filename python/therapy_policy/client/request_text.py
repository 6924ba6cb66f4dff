"""A request as JSON text that both engines read alike.

The text is checked here, and strictly, because the engines are not strict in the same way: OPA replaces what it cannot
read in a string by U+FFFD, where the compiled policy aborts; the compiled policy overlooks what follows the first
value, which OPA refuses. Numbers stay as they were written and never pass through a Python number: that the policy
refuses `4e0` is the policy's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from therapy_policy.errors import RequestNotJson, RequestTooLarge

MAX_DEPTH = 100  # levels of objects and lists; no valid request has more than 7
MAX_REQUEST_BYTES = 1 << 20  # of UTF-8

MAX_BATCH_REQUESTS = 1000  # what the policy's entry point `decisions` takes
MAX_BATCH_BYTES = MAX_REQUEST_BYTES // 2  # of requests in one batch, unless one alone has more


def request_text(request: object) -> str:
    """Write a request, a value of the types that `json.loads` returns (or a tuple for a list), as JSON text.

    Raises `RequestNotJson` if it is no such value, and `RequestTooLarge` if its text has over `MAX_REQUEST_BYTES`.
    """
    _check_value(request)
    try:
        text = _encoder.encode(request)
    except ValueError:
        problem = "it holds NaN, an infinity, or an integer of thousands of digits"
    else:
        return _sound(text)
    raise RequestNotJson(problem)  # not in the handler: the error that it would carry along may quote the number


def checked_text(text: str | bytes) -> str:
    """Return the JSON text of a request, its numbers and its spaces as they were, once it is seen to be just that.

    Surrogates in strings, escaped or not, become the character that a pair of them stands for, or else U+FFFD.

    Raises `RequestNotJson` if it is not UTF-8, not one JSON value, or nested over `MAX_DEPTH` levels, and
    `RequestTooLarge` if it has over `MAX_REQUEST_BYTES`.
    """
    text = _sound(text) if isinstance(text, str) else _decoded(text)
    value = _parsed(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:  # else it cannot be nested too deeply
        _check_value(value)
    if _SURROGATE_ESCAPE.search(text):
        text = _ESCAPE.sub(_unescaped_surrogate, text)
    return text


def batches(texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Join texts, in order, into inputs of the entry point `decisions`; with each comes how many requests it holds."""
    batch: list[str] = []
    batch_bytes = 0
    for text in texts:
        text_bytes = len(text.encode())
        if batch and (len(batch) == MAX_BATCH_REQUESTS or batch_bytes + text_bytes > MAX_BATCH_BYTES):
            yield _batch_text(batch), len(batch)
            batch, batch_bytes = [], 0
        batch.append(text)
        batch_bytes += text_bytes
    if batch:
        yield _batch_text(batch), len(batch)


def _batch_text(batch: list[str]) -> str:
    return '{"requests": [' + ",".join(batch) + "]}"


def _check_value(value: object) -> None:
    """See that a value is a JSON value, level by level, so that a cycle or a bomb of shared lists comes to an end."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        members: list[object] = []
        for value in level:
            if value is None or isinstance(value, (str, int, float)):
                continue
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):  # json would write 1, None or True as a string
                    raise RequestNotJson("it holds an object with a member whose name is not a string")
                members.extend(value.values())
            elif isinstance(value, (list, tuple)):
                members.extend(value)
            else:
                raise RequestNotJson(f"it holds a value of the type {type(value).__name__}, which JSON does not have")
            if depth == MAX_DEPTH:
                raise RequestNotJson(f"it is nested more than {MAX_DEPTH} levels deep")
            if len(members) > MAX_REQUEST_BYTES:
                _raise_too_large()
        if not members:
            return
        level = members


def _sound(text: str) -> str:
    """Return a text of at most `MAX_REQUEST_BYTES`, without surrogates."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the pairs, and its decoder replaces the rest.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        encoded = text.encode()
    if len(encoded) > MAX_REQUEST_BYTES:
        _raise_too_large()
    return text


def _decoded(text: bytes) -> str:
    if len(text) > MAX_REQUEST_BYTES:
        _raise_too_large()
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        position = error.start
    raise RequestNotJson(f"it is not UTF-8 (byte {position}, counted from 0)")  # not in the handler, as above


def _parsed(text: str) -> object:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    except RecursionError:
        problem = f"it is nested more than {MAX_DEPTH} levels deep"
    if text.startswith("\ufeff"):
        problem = "it starts with a byte order mark; save it as UTF-8 without one"
    raise RequestNotJson(problem)  # not in the handler, as above


def _refuse_constant(name: str) -> NoReturn:
    raise RequestNotJson(f"it holds {name}, which is no JSON number")


def _raise_too_large() -> NoReturn:
    raise RequestTooLarge(f"it has more than {MAX_REQUEST_BYTES:,} bytes as JSON")


def _unescaped_surrogate(escape: re.Match[str]) -> str:
    pair, lone = escape.groups()
    if pair:
        return bytes.fromhex(pair[2:6] + pair[8:12]).decode("utf-16-be")
    return "\ufffd" if lone else escape[0]


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# Any escape, so that the one in `\\ud83d`, a backslash, is passed over; a pair of surrogates first, then a lone one.
_ESCAPE = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.")

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# The hooks leave numbers as text: Python's own would lose digits, and fail at thousands of them.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
