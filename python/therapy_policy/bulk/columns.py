"""Requests as Arrow columns, written as the JSON texts that they stand for.

A null in a column, or in a struct, is a field that the request does not have. DuckDB writes the requests of all known
types. Python writes the few others: those with a value in a column, or in a struct, that their type does not have.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from therapy_policy.bulk.arrow_schema import REQUEST_TYPE, fields_of_types


def texts_of_columns(batch: pa.RecordBatch) -> pa.Array:
    """Return the JSON text of each row."""
    if not batch.num_rows:
        return pa.array([], pa.string())
    if batch.schema.get_field_index(REQUEST_TYPE) < 0 or not pa.types.is_string(batch.schema.field(REQUEST_TYPE).type):
        return pa.array(map(_text_of_row, batch.to_pylist()), pa.string())
    connection = _connection()
    connection.register("requests", pa.Table.from_batches([batch]))
    texts = connection.sql(_query(batch.schema)).to_arrow_table()["text"].combine_chunks()
    connection.unregister("requests")
    if texts.null_count:
        rest = pc.is_null(texts)
        texts = pc.replace_with_mask(
            texts, rest, pa.array(map(_text_of_row, batch.filter(rest).to_pylist()), texts.type)
        )
    return texts


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})


@cache
def _query(schema: pa.Schema) -> str:
    cases = []
    for request_type, fields in fields_of_types().items():
        own = [each.name for each in schema if each.name in fields and _is_within(each.type, fields[each.name])]
        others = [_quoted(name) for name in schema.names if name not in own]
        no_others = "".join(f" AND {each} IS NULL" for each in others)
        packed = ", ".join(f"{_quoted(name)} := {_quoted(name)}" for name in own)
        cases.append(
            f"WHEN {REQUEST_TYPE} = '{request_type}'{no_others} THEN CAST(to_json(struct_pack({packed})) AS VARCHAR)"
        )
    return f"SELECT CASE {' '.join(cases)} END AS text FROM requests"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_within(kind: pa.DataType, published: pa.DataType) -> bool:
    """Whether a type has no field that the published one does not have, and only values that DuckDB writes alike."""
    if pa.types.is_struct(published):
        names = {each.name: each.type for each in published}
        return pa.types.is_struct(kind) and all(
            each.name in names and _is_within(each.type, names[each.name]) for each in kind
        )
    if pa.types.is_list(published):
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        return is_list and _is_within(kind.value_type, published.value_type)
    plain = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string, pa.types.is_date32)
    return any(is_plain(kind) for is_plain in plain)


def _text_of_row(row: dict[str, Any]) -> str:
    return json.dumps(_without_nulls(row), ensure_ascii=False, default=_as_text)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [*map(_without_nulls, value)] if isinstance(value, list) else value


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
