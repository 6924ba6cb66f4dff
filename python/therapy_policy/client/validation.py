"""What is wrong with a request, by the published schema alone: no engine is asked.

The schema is schemas/request.json. The places are those that the REQUEST_INVALID reasons of a decision name, and what
is expected there is said in the same words.
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

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class NotPlainDigits:
    """A number that is not a whole number in plain digits, such as 4.5 or 4e0; `kind` says what it is instead."""

    kind: str


@dataclass(frozen=True)
class ValidationFinding:
    """One wrong place, `path` (RFC 6901). `found` says what kind of thing is there, never its text."""

    path: str
    expected: str
    found: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def parse(text: str) -> Any:
    """Parse the JSON text of a request, keeping whole numbers in plain digits apart from all others.

    Raises ValueError where the text is no JSON.
    """
    return json.loads(text, parse_int=_number, parse_float=_number)


def _number(text: str) -> int | NotPlainDigits:
    plain = re.fullmatch(r"(-?[0-9]+)(\.0+)?", text)
    # int() refuses thousands of digits; fifteen are far beyond every range of the schema.
    if plain and len(plain[1]) <= 15:
        return int(plain[1])
    if plain:
        return NotPlainDigits("a very large number")
    return NotPlainDigits("a number with an exponent" if "e" in text.lower() else "a number with a fraction")


def validation_errors(request: Any) -> list[ValidationFinding]:
    """Each wrong place of a request, as `parse` gives it, once and in the order in which decisions list them.

    Nothing below a place that is itself wrong is named. A valid request gives [].
    """
    wrong = {place for error in _validator().iter_errors(request) for place in _places(error)}
    return [
        _finding(request, place) for place in sorted(wrong) if not any(place[:n] in wrong for n in range(len(place)))
    ]


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(packaged_json("request.schema.json"))


@cache
def _forms() -> dict[str, dict[str, Any]]:
    forms: dict[str, dict[str, Any]] = packaged_json("data.json")["therapy"]["request"]["forms"]
    return forms


def _places(error: ValidationError) -> Iterator[Place]:
    place = tuple(error.absolute_path)
    instance: Any = error.instance
    required: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "anyOf":  # always this or null; what is wrong with this is what is wrong
        for inner in error.context or ():
            if inner.schema_path[0] == 0:
                yield from _places(inner)
    elif error.validator == "required":
        yield from ((*place, name) for name in required if name not in instance)
    elif error.validator == "additionalProperties":
        yield from ((*place, name) for name in instance if name not in schema["properties"])
    else:
        yield place


def _finding(request: Any, place: Place) -> ValidationFinding:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
    if not place:
        return ValidationFinding(pointer, "a JSON object in the published request format", _kind(request))
    *parents, last = place
    holder = request
    for step in parents:
        holder = holder[step]
    form = _form(request, place)
    if form is None:
        return ValidationFinding(pointer, "the request without this field", f"an unknown member: {_kind(holder[last])}")
    missing = isinstance(holder, dict) and last not in holder
    return ValidationFinding(pointer, form["expected"], "nothing" if missing else _kind(holder[last]))


def _form(request: Any, place: Place) -> dict[str, Any] | None:
    """Look up the form of what belongs at a place; None for an unknown member."""
    forms = _forms()
    if place == ("request_type",):
        return forms["request_type"]
    form = forms[request["request_type"]]
    for step in place:
        name = form["element"] if form["kind"] == "list" else form["fields"].get(step)
        if name is None:
            return None
        form = forms[name]
    return form


def _kind(value: Any) -> str:
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
