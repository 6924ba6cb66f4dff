"""Requests in words: what the published schema says about each field, and the content of a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from therapy_policy.wording import name_in_words

Schema = Mapping[str, Any]

MOST_COLUMNS = 3  # that have room beside a decision; wider elements are a list


@dataclass(frozen=True)
class Field:
    """A field of a request, as the published schema describes it."""

    steps: tuple[str, ...]  # the names of the objects around it, then its own
    required: bool  # whether it is required in its object
    description: str
    values: str  # the allowed values, in words
    choices: frozenset[str]  # the allowed values, if the schema lists them


def fields(schema: Schema, request_type: str) -> Iterator[Field]:
    """Yield the fields of a request type, in the order of the schema, each before the fields inside it."""
    definitions = schema["definitions"]
    yield from _fields(definitions[request_type], definitions, ())


def _fields(schema: Schema, definitions: Schema, steps: tuple[str, ...]) -> Iterator[Field]:
    for name, reference in schema.get("properties", {}).items():
        if "const" in reference:  # the request type
            continue
        field = _resolve(reference, definitions)
        inside, steps_inside = field, (*steps, name)
        if "items" in field:
            inside, steps_inside = _resolve(field["items"], definitions), (*steps, name, "each")
        required = name in schema.get("required", [])
        choices = frozenset(value for value in field.get("enum", []) if value is not None)
        yield Field((*steps, name), required, field.get("description", ""), _values(field, inside), choices)
        yield from _fields(inside, definitions, steps_inside)


def _resolve(reference: Schema, definitions: Schema) -> dict[str, Any]:
    """A schema without references and without null; `form` is the description of the definition it refers to."""
    schema = dict(reference)
    for option in schema.pop("anyOf", []):
        if option != {"type": "null"}:
            schema = option | schema
    if "$ref" in schema:
        definition = _resolve(definitions[schema.pop("$ref").removeprefix("#/definitions/")], definitions)
        schema = definition | schema | {"form": definition.get("form", definition.get("description", ""))}
    return schema


def _values(field: Schema, element: Schema) -> str:
    """The allowed values of a field, in words."""
    kinds = field.get("type", [])
    if "items" in field:
        least, most = field.get("minItems", 0), field["maxItems"]
        number = f"{least} to {most}" if least else f"at most {most}"
        return f"a list of {number}" + ("" if "properties" in element else f", each {_values(element, {})}")
    if "enum" in field:
        return " · ".join(in_words(value) for value in field["enum"] if value is not None)
    if "boolean" in kinds:
        return "yes · no"
    if "integer" in kinds:
        return f"a whole number from {field['minimum']} to {field['maximum']}"
    if "properties" in field:
        return "the fields below"
    return str(field.get("form") or field.get("description") or "a text")


def in_words(value: Any) -> str:
    """A value of a request or a parameter, in words."""
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return name_in_words(text) if re.fullmatch("[a-z_]+", text) else text


@dataclass(frozen=True)
class Layout:
    """How a page shows a value of a request: as a text, fields, a list, or a table of similar elements."""

    kind: str  # text, fields, list or table
    text: str = ""
    fields: tuple[tuple[str, Layout], ...] = ()
    elements: tuple[Layout, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def layout(value: Any) -> Layout:
    """The layout of a value for a page."""
    if isinstance(value, dict):
        if not value:
            return Layout("text", text="nothing")
        return Layout("fields", fields=tuple((in_words(name), layout(each)) for name, each in value.items()))
    if isinstance(value, list):
        if not value:
            return Layout("text", text="none")
        alike = all(isinstance(each, dict) and _flat(each) for each in value)
        columns = tuple(dict.fromkeys(name for each in value for name in each)) if alike else ()
        if 0 < len(columns) <= MOST_COLUMNS:
            rows = tuple(tuple(_cell(each.get(name)) for name in columns) for each in value)
            return Layout("table", columns=tuple(map(in_words, columns)), rows=rows)
        return Layout("list", elements=tuple(map(layout, value)))
    return Layout("text", text=in_words(value) if str(value).strip() else "a blank text")


def _flat(element: Mapping[str, Any]) -> bool:
    return not any(
        isinstance(each, dict) or (isinstance(each, list) and any(isinstance(one, dict | list) for one in each))
        for each in element.values()
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(in_words, value)) or "none"
    return in_words(value) if str(value).strip() else "a blank text"
