"""Validate a request against the published schema, schemas/request.json, without an engine.

The errors are those that the REQUEST_INVALID reasons of a decision report: the same paths, in the same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from therapy_policy.files import packaged_json
from therapy_policy.wording import count_of

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class NotPlainDigits:
    """A number that is not a whole number in plain digits, such as 4.5 or 4e0; `kind` describes it."""

    kind: str


@dataclass(frozen=True)
class FieldError:
    """One validation error at `path`, a JSON Pointer (RFC 6901). `found` describes the value there, never quotes it."""

    path: str
    expected: str
    found: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def parse(text: str) -> Any:
    """Parse the JSON text of a request; a number that is not a whole number in plain digits is a `NotPlainDigits`.

    Raises `ValueError` if the text is not JSON.
    """
    return json.loads(text, parse_int=_number, parse_float=_number)


def _number(text: str) -> int | NotPlainDigits:
    plain = re.fullmatch(r"(-?[0-9]+)(\.0+)?", text)
    # int() rejects thousands of digits; fifteen are far beyond every range of the schema.
    if plain and len(plain[1]) <= 15:
        return int(plain[1])
    if plain:
        return NotPlainDigits("a very large number")
    return NotPlainDigits("a number with an exponent" if "e" in text.lower() else "a number with a fraction")


def validation_errors(request: Any) -> list[FieldError]:
    """List each invalid field of a request that `parse` returned, in the order of decisions; [] if it is valid.

    A field is left out if the object or list that contains it is itself invalid.
    """
    invalid = {path for error in _validator().iter_errors(request) for path in _paths(error)}
    return [
        _field_error(request, path)
        for path in sorted(invalid)
        if not any(path[:n] in invalid for n in range(len(path)))
    ]


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(packaged_json("request.schema.json"))


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = packaged_json("data.json")["therapy"]["request"]
    return tables


def _unknown_fields(instance: Any, schema: Any) -> list[str]:
    return [name for name in instance if name not in schema["properties"]]


def _too_many(unknown: list[str]) -> bool:
    return len(unknown) > int(_tables()["most_unknown_fields"])


def _paths(error: ValidationError) -> Iterator[FieldPath]:
    path = tuple(error.absolute_path)
    instance: Any = error.instance
    required: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "anyOf":  # always a schema or null; only the errors by that schema are of interest
        for inner in error.context or ():
            if inner.schema_path[0] == 0:
                yield from _paths(inner)
    elif error.validator == "required":
        yield from ((*path, name) for name in required if name not in instance)
    elif error.validator == "additionalProperties":
        unknown = _unknown_fields(instance, schema)
        yield from [path] if _too_many(unknown) else ((*path, name) for name in unknown)
    else:
        yield path


def _field_error(request: Any, path: FieldPath) -> FieldError:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    if not path and not isinstance(request, dict):
        return FieldError(pointer, "a JSON object in the published request format", _describe(request))
    value, missing = request, False
    for step in path:
        missing = isinstance(value, dict) and step not in value
        value = None if missing else value[step]
    form = _form(request, path)
    if form is None:
        return FieldError(pointer, "the request without this field", f"an unknown field: {_describe(value)}")
    if form["kind"] == "object" and isinstance(value, dict):
        most = count_of(int(_tables()["most_unknown_fields"]), "unknown field")
        return FieldError(pointer, "only the fields of this request type", f"an object with more than {most}")
    return FieldError(pointer, form["expected"], "nothing" if missing else _describe(value))


def _form(request: Any, path: FieldPath) -> dict[str, Any] | None:
    """Look up the form of the field at a path; None for an unknown field."""
    forms: dict[str, dict[str, Any]] = _tables()["forms"]
    if path == ("request_type",):
        return forms["request_type"]
    form = forms[request["request_type"]]
    for step in path:
        name = form["element"] if form["kind"] == "list" else form["fields"].get(step)
        if name is None:
            return None
        form = forms[name]
    return form


def _describe(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case NotPlainDigits():
            return value.kind
        case str():
            return f"a text of {count_of(len(value), 'character')}"
        case list():
            return f"a list of {count_of(len(value), 'element')}"
    return "an object"
