"""A request as JSON text that both engines read the same way.

The check here is strict because the engines differ. In a string, OPA replaces what it cannot read with U+FFFD, and the
compiled policy aborts. After the first value, OPA rejects further text, and the compiled policy ignores it. Numbers
stay as written and are never converted to Python numbers: whether `4e0` is valid is for the policy to decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from therapy_policy.errors import RequestNotJson, RequestTooLarge

MAX_DEPTH = 100  # levels of objects and lists; a valid request has at most 7
MAX_REQUEST_BYTES = 1 << 20  # of UTF-8

MAX_BATCH_REQUESTS = 1000  # the limit of the policy's entry point `decisions`
MAX_BATCH_BYTES = MAX_REQUEST_BYTES // 2  # of the requests in one batch, unless a single request is larger


def request_text(request: object) -> str:
    """Write a request, a value of the types that `json.loads` returns (or a tuple for a list), as JSON text.

    Raises `RequestNotJson` for any other value, and `RequestTooLarge` if the text has over `MAX_REQUEST_BYTES`.
    """
    _check_value(request)
    try:
        text = _encoder.encode(request)
    except ValueError:
        problem = "it contains NaN, an infinity, or an integer with thousands of digits"
    else:
        return _without_surrogates(text)
    raise RequestNotJson(problem)  # outside the handler: otherwise it would carry an error that may quote the number


def checked_text(text: str | bytes) -> str:
    """Check the JSON text of a request and return it with its numbers and white space unchanged.

    Surrogates in strings, escaped or not, are replaced: a pair with its character, a lone one with U+FFFD.

    Raises `RequestNotJson` if it is not UTF-8, not one JSON value, or nested over `MAX_DEPTH` levels, and
    `RequestTooLarge` if it has over `MAX_REQUEST_BYTES`.
    """
    text = _without_surrogates(text) if isinstance(text, str) else _decoded(text)
    value = _parsed(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:  # otherwise it cannot be nested too deeply
        _check_value(value)
    if _SURROGATE_ESCAPE.search(text):
        text = _ESCAPE.sub(_unescaped_surrogate, text)
    return text


def batches(texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Join texts, in order, into inputs for the entry point `decisions`, each with its number of requests."""
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
                _raise_too_large()
        if not children:
            return
        level = children


def _without_surrogates(text: str) -> str:
    """Return the text without surrogates. Raises `RequestTooLarge` if it has over `MAX_REQUEST_BYTES`."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the pairs, and its decoder replaces lone surrogates.
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
    raise RequestNotJson(f"it is not UTF-8 (byte {position}, counted from 0)")  # outside the handler, as above


def _parsed(text: str) -> object:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    except RecursionError:
        problem = f"it is nested more than {MAX_DEPTH} levels deep"
    if text.startswith("\ufeff"):
        problem = "it starts with a byte order mark; save it as UTF-8 without one"
    raise RequestNotJson(problem)  # outside the handler, as above


def _refuse_constant(name: str) -> NoReturn:
    raise RequestNotJson(f"it contains {name}, which is not a JSON number")


def _raise_too_large() -> NoReturn:
    raise RequestTooLarge(f"it has more than {MAX_REQUEST_BYTES:,} bytes as JSON")


def _unescaped_surrogate(escape: re.Match[str]) -> str:
    pair, lone = escape.groups()
    if pair:
        return bytes.fromhex(pair[2:6] + pair[8:12]).decode("utf-16-be")
    return "\ufffd" if lone else escape[0]


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# A pair of surrogates, else a lone one, else any escape: so the backslash that `\\ud83d` starts with is skipped whole.
_ESCAPE = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.")

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# The hooks keep numbers as text: Python numbers lose digits, and conversion fails at thousands of them.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
