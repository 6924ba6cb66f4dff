"""Requests in words: what the published schema says of each member, and what a request states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """A member of a request, as the published schema describes it."""

    steps: tuple[str, ...]  # the names on the way to it
    required: bool  # whether it has to be stated wherever what it stands in is
    description: str
    values: str  # what may stand there, in words
    choices: frozenset[str]  # the values that may stand there, where the schema lists them


def members(schema: Schema, request_type: str) -> Iterator[Member]:
    """Yield the members of a type of request, in the order of the schema, with all that stand in them."""
    definitions = schema["definitions"]
    yield from _members(definitions[request_type], definitions, ())


def _members(shape: Schema, definitions: Schema, steps: tuple[str, ...]) -> Iterator[Member]:
    for name, described in shape.get("properties", {}).items():
        if "const" in described:  # the request type
            continue
        found = _resolved(described, definitions)
        inside, steps_inside = found, (*steps, name)
        if "items" in found:
            inside, steps_inside = _resolved(found["items"], definitions), (*steps, name, "each")
        required = name in shape.get("required", [])
        choices = frozenset(value for value in found.get("enum", []) if value is not None)
        yield Member((*steps, name), required, found.get("description", ""), _values(found, inside), choices)
        yield from _members(inside, definitions, steps_inside)


def _resolved(described: Schema, definitions: Schema) -> dict[str, Any]:
    """What a schema comes to, null aside; `form` is what the definition that it refers to says of itself."""
    found = dict(described)
    for option in found.pop("anyOf", []):
        if option != {"type": "null"}:
            found = option | found
    if "$ref" in found:
        below = _resolved(definitions[found.pop("$ref").removeprefix("#/definitions/")], definitions)
        found = below | found | {"form": below.get("form", below.get("description", ""))}
    return found


def _values(found: Schema, element: Schema) -> str:
    """Say what may stand in a member."""
    kinds = found.get("type", [])
    if "items" in found:
        least, most = found.get("minItems", 0), found["maxItems"]
        number = f"{least} to {most}" if least else f"at most {most}"
        return f"a list of {number}" + ("" if "properties" in element else f", each {_values(element, {})}")
    if "enum" in found:
        return " · ".join(in_words(value) for value in found["enum"] if value is not None)
    if "boolean" in kinds:
        return "yes · no"
    if "integer" in kinds:
        return f"a whole number from {found['minimum']} to {found['maximum']}"
    if "properties" in found:
        return "members of its own"
    return str(found.get("form") or found.get("description") or "a text")


def in_words(value: Any) -> str:
    """Say a value that a request or a parameter has."""
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text.replace("_", " ") if re.fullmatch("[a-z_]+", text) else text


@dataclass(frozen=True)
class Stated:
    """What a request states at a place: a text, members, a list, or a table of elements that are alike."""

    kind: str  # text, members, list or table
    text: str = ""
    members: tuple[tuple[str, Stated], ...] = ()
    elements: tuple[Stated, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def stated(value: Any) -> Stated:
    """Lay out what a request states, for a page."""
    if isinstance(value, dict):
        if not value:
            return Stated("text", text="nothing")
        return Stated("members", members=tuple((in_words(name), stated(each)) for name, each in value.items()))
    if isinstance(value, list):
        if not value:
            return Stated("text", text="none")
        if all(isinstance(each, dict) and _flat(each) for each in value):
            columns = tuple(dict.fromkeys(name for each in value for name in each))
            rows = tuple(tuple(_cell(each.get(name)) for name in columns) for each in value)
            return Stated("table", columns=tuple(map(in_words, columns)), rows=rows)
        return Stated("list", elements=tuple(map(stated, value)))
    return Stated("text", text=in_words(value) if str(value).strip() else "a blank text")


def _flat(element: Mapping[str, Any]) -> bool:
    return not any(
        isinstance(each, dict) or (isinstance(each, list) and any(isinstance(one, dict | list) for one in each))
        for each in element.values()
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(in_words, value)) or "none"
    return in_words(value) if str(value).strip() else "a blank text"
