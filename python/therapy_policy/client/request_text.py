"""A request as JSON text that both engines read the same way.

The check here is strict because the engines differ. In a string, OPA replaces what it cannot read with U+FFFD, and the
compiled policy aborts. After the first value, OPA rejects further text, and the compiled policy ignores it. Numbers
stay as written and are never converted to Python numbers: whether `4e0` is valid is for the policy to decide. Only
large exponents are replaced, because OPA 1.22 rejects the whole text for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from therapy_policy.errors import RequestNotJson, RequestTooLarge
from therapy_policy.nesting import MAX_DEPTH, is_too_deep

MAX_REQUEST_BYTES = 1 << 20  # of UTF-8

MAX_BATCH_REQUESTS = 1000  # the limit of the policy's entry point `decisions`
MAX_BATCH_BYTES = MAX_REQUEST_BYTES // 2  # of the requests in one batch, unless a single request is larger


class RequestText(NamedTuple):
    """A request as JSON text, with what its decision must repeat. Each is None if the request has no such text."""

    text: str
    request_type: str | None
    request_id: str | None


class Batch(NamedTuple):
    """An input for the entry point `decisions`, and the requests in it."""

    text: str
    requests: list[RequestText]
    first: int  # the position of its first request among all of them, counted from 0


def request_text(request: object) -> RequestText:
    """Write a request, a value of the types that `json.loads` returns (or a tuple for a list), as JSON text.

    Raises `RequestNotJson` for any other value, and `RequestTooLarge` if the text has over `MAX_REQUEST_BYTES`.
    """
    _check_value(request)
    try:
        text = _encoder.encode(request)
    except ValueError:
        problem = "it contains NaN, an infinity, or an integer with thousands of digits"
    else:
        return _with_identity(_without_surrogates(text, MAX_REQUEST_BYTES), request)
    raise RequestNotJson(problem)  # outside the handler: otherwise it would carry an error that may quote the number


def checked_text(text: str | bytes, max_bytes: int = MAX_REQUEST_BYTES) -> RequestText:
    """Check the JSON text of a request and return it with its numbers and white space unchanged.

    Surrogates in strings, escaped or not, are replaced: a pair with its character, a lone one with U+FFFD. An exponent
    of more than three digits becomes 999: no number with an exponent is valid, so the decision is the same.

    Raises `RequestNotJson` if it is not UTF-8, not one JSON value, or nested over `MAX_DEPTH` levels, and
    `RequestTooLarge` if it has over `max_bytes`.
    """
    text = _without_surrogates(text, max_bytes) if isinstance(text, str) else _decoded(text, max_bytes)
    value = _parsed(text)
    if _SURROGATE_ESCAPE.search(text):
        text = _ESCAPE.sub(_unescaped_surrogate, text)
    if _LARGE_EXPONENT.search(text):
        text = _STRING_OR_LARGE_EXPONENT.sub(lambda found: "e999" if found[1] else found[0], text)
    return _with_identity(text, value)


def batches(requests: Iterable[RequestText]) -> Iterator[Batch]:
    """Join requests, in order, into inputs for the entry point `decisions`."""
    batch: list[RequestText] = []
    batch_bytes = first = 0
    for request in requests:
        request_bytes = len(request.text.encode())
        if batch and (len(batch) == MAX_BATCH_REQUESTS or batch_bytes + request_bytes > MAX_BATCH_BYTES):
            yield _batch(batch, first)
            first += len(batch)
            batch, batch_bytes = [], 0
        batch.append(request)
        batch_bytes += request_bytes
    if batch:
        yield _batch(batch, first)


def _batch(requests: list[RequestText], first: int) -> Batch:
    return Batch('{"requests": [' + ",".join([request.text for request in requests]) + "]}", requests, first)


def _with_identity(text: str, request: object) -> RequestText:
    if not isinstance(request, dict):
        return RequestText(text, None, None)
    request_type, request_id = request.get("request_type"), request.get("request_id")
    return RequestText(
        text,
        request_type if isinstance(request_type, str) else None,
        request_id if isinstance(request_id, str) else None,
    )


def _check_value(value: object) -> None:
    """Check level by level that a value is a JSON value, so that a cycle or a bomb of shared lists comes to an end."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        children: list[object] = []
        for value in level:
            if value is None or isinstance(value, (str, int, float)):
                continue
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):  # json would turn 1, None or True into strings
                    raise RequestNotJson("it contains an object with a field name that is not a string")
                children.extend(value.values())
            elif isinstance(value, (list, tuple)):
                children.extend(value)
            else:
                raise RequestNotJson(f"it contains a value of type {type(value).__name__}, which JSON does not have")
            if depth == MAX_DEPTH:
                raise RequestNotJson(f"it is nested more than {MAX_DEPTH} levels deep")
            if len(children) > MAX_REQUEST_BYTES:
                _raise_too_large(MAX_REQUEST_BYTES)
        if not children:
            return
        level = children


def _without_surrogates(text: str, max_bytes: int) -> str:
    """Return the text without surrogates. Raises `RequestTooLarge` if it has over `max_bytes`."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the pairs, and its decoder replaces lone surrogates.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        encoded = text.encode()
    if len(encoded) > max_bytes:
        _raise_too_large(max_bytes)
    return text


def _decoded(text: bytes, max_bytes: int) -> str:
    if len(text) > max_bytes:
        _raise_too_large(max_bytes)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        position = error.start
    raise RequestNotJson(f"it is not UTF-8 (byte {position}, counted from 0)")  # outside the handler, as above


def _parsed(text: str) -> object:
    if is_too_deep(text):
        raise RequestNotJson(f"it is nested more than {MAX_DEPTH} levels deep")
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    if text.startswith("\ufeff"):
        problem = "it starts with a byte order mark; save it as UTF-8 without one"
    raise RequestNotJson(problem)  # outside the handler, as above


def _refuse_constant(name: str) -> NoReturn:
    raise RequestNotJson(f"it contains {name}, which is not a JSON number")


def _raise_too_large(max_bytes: int) -> NoReturn:
    raise RequestTooLarge(f"it has more than {max_bytes:,} bytes as JSON")


def _unescaped_surrogate(escape: re.Match[str]) -> str:
    pair, lone = escape.groups()
    if pair:
        return bytes.fromhex(pair[2:6] + pair[8:12]).decode("utf-16-be")
    return "\ufffd" if lone else escape[0]


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# A pair of surrogates, else a lone one, else any escape: so the backslash that `\\ud83d` starts with is skipped whole.
_ESCAPE = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.")

_LARGE_EXPONENT = re.compile("[0-9][eE][+-]?[0-9]{4}")
_STRING_OR_LARGE_EXPONENT = re.compile(r'"(?:[^"\\]|\\.)*"|([eE][+-]?[0-9]{4,})')

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# `int` would reject thousands of digits. What a number loses as a float does not matter: the text stays as written.
_decoder = json.JSONDecoder(parse_int=float, parse_constant=_refuse_constant)
