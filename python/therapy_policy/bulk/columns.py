"""Requests as Arrow columns, written as the JSON texts that they stand for.

A null in a column, or in a struct, is a field that the request does not have. DuckDB writes the requests of all known
types. Python writes the few others: those with a value in a column, or in a struct, that their type does not have, and
those without a required field, for which a null is not the same. A row with a value that cannot be written, such as a
date after the year 9999, becomes a text that is not a request. It costs no other row its decision.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from therapy_policy.bulk.arrow_schema import REQUEST_TYPE, fields_of_types, is_text, plain_type, required_fields

NOT_A_REQUEST = "null"


def texts_of_columns(batch: pa.RecordBatch) -> pa.Array:
    """Return the JSON text of each row."""
    if not batch.num_rows:
        return pa.array([], pa.string())
    if batch.schema.get_field_index(REQUEST_TYPE) < 0 or not is_text(batch.schema.field(REQUEST_TYPE).type):
        return pa.array(_texts_of_rows(batch, range(len(batch))), pa.string())
    try:
        texts = _texts_by_sql(batch)
    except duckdb.NotSupportedError:  # a column of a type that DuckDB does not have
        return pa.array(_texts_of_rows(batch, range(len(batch))), pa.string())
    rest = pc.or_(pc.is_null(texts), pc.fill_null(pc.match_substring_regex(texts, _lacks_required()), False))
    if pc.any(rest).as_py():
        rows = pc.indices_nonzero(rest).to_pylist()
        texts = pc.replace_with_mask(texts, rest, pa.array(_texts_of_rows(batch, rows), texts.type))
    return texts


def _texts_by_sql(batch: pa.RecordBatch) -> pa.Array:
    connection = _connections.of_thread
    connection.register("requests", pa.Table.from_batches([batch]).rename_columns([*_sql_names(batch.schema).values()]))
    try:
        return connection.sql(_query(batch.schema)).to_arrow_table()["text"].combine_chunks()
    finally:
        connection.unregister("requests")


class _Connections(threading.local):
    """A connection for each thread: in a common one, a thread could read the requests of another."""

    def __init__(self) -> None:
        self.of_thread = duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})


_connections = _Connections()


@cache
def _query(schema: pa.Schema) -> str:
    cases = []
    columns = _sql_names(schema)
    required, _ = required_fields()
    for request_type, fields in fields_of_types().items():
        own = [each.name for each in schema if each.name in fields and _is_within(each.type, fields[each.name])]
        if not {*required[request_type]} <= {*own}:
            continue
        fitting = "".join(f" AND {columns[name]} IS NOT NULL" for name in required[request_type])
        fitting += "".join(f" AND {column} IS NULL" for name, column in columns.items() if name not in own)
        packed = ", ".join(f"{name} := {columns[name]}" for name in own)
        text = f"CAST(to_json(struct_pack({packed})) AS VARCHAR)"
        cases.append(f"WHEN {columns[REQUEST_TYPE]} = '{request_type}'{fitting} THEN {text}")
    cases = cases or ["WHEN false THEN ''"]
    return f"SELECT CASE {' '.join(cases)} END AS text FROM requests"


@cache
def _lacks_required() -> str:
    _, inside = required_fields()
    return f'"({"|".join(sorted(inside))})":null'


def _sql_names(schema: pa.Schema) -> dict[str, str]:
    """Names that SQL can have for all columns: it knows no empty name, and no two that differ only in case."""
    return {name: f"column_{number}" for number, name in enumerate(schema.names)}


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
    kind = plain_type(kind)
    return is_text(kind) or any(is_it(kind) for is_it in (pa.types.is_integer, pa.types.is_boolean, pa.types.is_date32))


def _texts_of_rows(batch: pa.RecordBatch, rows: Iterable[int]) -> Iterator[str]:
    for row in rows:
        try:
            (values,) = batch.slice(row, 1).to_pylist()
        except (ValueError, OverflowError):  # of a value that Python does not have, or of bytes that are not UTF-8
            yield NOT_A_REQUEST
        else:
            yield _text_of_row(values)


def _text_of_row(row: dict[str, Any]) -> str:
    return json.dumps(_without_nulls(row), ensure_ascii=False, default=_as_text)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [*map(_without_nulls, value)] if isinstance(value, list) else value


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
