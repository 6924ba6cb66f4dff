"""Requests and decisions as Arrow columns.

The columns of requests come from the published schema: all fields of all request types, nested as there. A request has
nulls in the columns of the other types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from therapy_policy.files import packaged_json

REQUEST_TYPE, REQUEST_ID = "request_type", "request_id"

# The columns of a decision, except the first, `request_id`.
DECISION_COLUMNS = (
    ("request_type", pa.string()),
    ("outcome", pa.string()),
    ("units", pa.int32()),  # of 15 minutes
    ("evaluation_visits", pa.int32()),
    ("treatment_visits", pa.int32()),
    ("max_units_per_visit", pa.int32()),
    ("procedure_codes", pa.list_(pa.string())),
    ("authorized_under", pa.list_(pa.string())),  # ids of clauses
    ("reasons", pa.list_(pa.string())),  # codes, in the order of the decision, each once
    ("interpretations", pa.list_(pa.string())),  # ids
    ("route_chapter", pa.string()),
    ("route_network", pa.string()),
    ("policy_version", pa.string()),
)
NOT_DECIDED = ("not_decided", pa.string())  # why the engine failed to decide; else null
# What the other policy decides, in columns with this suffix.
AGAINST = "_against"
AGAINST_COLUMNS = (
    "outcome",
    "units",
    "evaluation_visits",
    "treatment_visits",
    "procedure_codes",
    "reasons",
    "policy_version",
)
FLIPS = ("flips", pa.bool_())  # whether the two policies differ in the outcome or in what they authorize
DECISION_TEXT = ("decision", pa.string())  # the whole decision as JSON, as `batch` writes it


def decision_schema(*, against: bool = False, decision_texts: bool = False) -> pa.Schema:
    """Return the columns of decisions."""
    columns = [(REQUEST_ID, pa.string()), *DECISION_COLUMNS, NOT_DECIDED]
    if against:
        types = dict(DECISION_COLUMNS)
        columns += [(name + AGAINST, types[name]) for name in AGAINST_COLUMNS]
        columns += [FLIPS]
    return pa.schema(columns + ([DECISION_TEXT] if decision_texts else []))


@cache
def fields_of_types() -> dict[str, dict[str, pa.DataType]]:
    """Return the fields of each request type with their Arrow types, by the published schema."""
    schema = packaged_json("request.schema.json")
    definitions = schema["definitions"]
    names = schema["properties"][REQUEST_TYPE]["enum"]
    return {
        name: {field: _arrow_type(form, definitions) for field, form in definitions[name]["properties"].items()}
        for name in names
    }


@cache
def required_fields() -> tuple[dict[str, list[str]], set[str]]:
    """Return the required fields of each request type, and the names of all required fields of objects inside."""
    schema = packaged_json("request.schema.json")
    definitions = schema["definitions"]
    of_types = {name: definitions[name]["required"] for name in schema["properties"][REQUEST_TYPE]["enum"]}
    inside = [each for name, form in definitions.items() for each in _objects_in(form) if each is not form]
    inside += [definitions[name] for name in definitions if name not in of_types]
    return of_types, {name for form in inside for name in form.get("required", ())}


def _objects_in(form: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(form, dict):
        yield form
        for each in form.values():
            yield from _objects_in(each)


@cache
def date_fields() -> set[str]:
    """Return the names of the fields that are dates, in requests and in objects inside."""
    definitions = packaged_json("request.schema.json")["definitions"]
    return {
        name
        for form in _objects_in(definitions)
        for name, field in form.get("properties", {}).items()
        if any(each.get("$ref") == "#/definitions/date" for each in (field, *field.get("anyOf", ())))
    }


@cache
def request_schema() -> pa.Schema:
    """Return the columns of requests: the fields of all types."""
    columns: dict[str, pa.DataType] = {}
    for fields in fields_of_types().values():
        for name, kind in fields.items():
            if columns.setdefault(name, kind) != kind:
                raise AssertionError(f"two request types have different fields {name}")
    first = (REQUEST_ID, REQUEST_TYPE)
    return pa.schema([(name, columns[name]) for name in (*first, *(each for each in columns if each not in first))])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a column: a dictionary is only a way to store them."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Whether a column has texts, however they are stored."""
    kind = plain_type(kind)
    return any(is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def is_list(kind: pa.DataType) -> bool:
    """Whether a column has lists, however they are stored."""
    types = pa.types
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    return any(is_it(kind) for is_it in kinds)


def _arrow_type(form: Mapping[str, Any], definitions: Mapping[str, Any]) -> pa.DataType:
    if "$ref" in form:
        return _arrow_type(definitions[form["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in form:
        (stated,) = (each for each in form["anyOf"] if each.get("type") != "null")
        return _arrow_type(stated, definitions)
    if "enum" in form or "const" in form:
        return pa.string()
    kinds = [form["type"]] if isinstance(form["type"], str) else form["type"]
    (kind,) = (each for each in kinds if each != "null")
    if kind == "object":
        return pa.struct([(name, _arrow_type(each, definitions)) for name, each in form["properties"].items()])
    if kind == "array":
        return pa.list_(_arrow_type(form["items"], definitions))
    return {"string": pa.string(), "integer": pa.int32(), "boolean": pa.bool_()}[kind]
