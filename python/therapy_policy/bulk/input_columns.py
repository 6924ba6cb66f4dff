"""Checks the columns of a file before its requests are decided.

A column that no request has, or that has another type, makes each request with a value in it invalid. In a file of
millions that is never what a person wants, and the type is known before the first row is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from therapy_policy.bulk.arrow_schema import REQUEST_TYPE, date_fields, is_list, is_text, plain_type, request_schema
from therapy_policy.errors import FileNotUsable


class _Wrong(NamedTuple):
    """A column, or a part of one: its place, and what is wrong."""

    column: str
    inside: tuple[int | None, ...]  # the position in each struct, or None for the elements of a list
    shown: str
    what: str
    always: bool = False  # also if it has no value


def check_columns(source: str, schema: pa.Schema, read: Callable[[str], Iterable[pa.Array]]) -> None:
    """Raise `FileNotUsable` if a file has columns that `request_schema` does not have, or that have another type.

    Columns that are null in every row are accepted. `read` gives the values of a column, in pieces; it is asked only
    for those that are wrong.
    """
    missing = [f"{REQUEST_TYPE}: missing"] if REQUEST_TYPE not in schema.names else []
    wrong = [each for each in _wrong_columns(schema) if each.always or _has_value(read(each.column), each.inside)]
    if not (missing or wrong):
        return
    lines = [*missing, *(f"{each.shown}: {each.what}" for each in wrong)]
    raise FileNotUsable(
        f"{source} has columns that no request has, or is without one that each has. Its requests would be invalid. "
        "Drop, rename or cast these columns, or add what is missing; therapy-policy bulk --schema prints all columns "
        "of requests:\n" + "\n".join(f"  {line}" for line in lines)
    )


def _wrong_columns(schema: pa.Schema) -> Iterator[_Wrong]:
    published = request_schema()
    for field in schema:
        shown = _shown(field.name)
        if field.name in published.names:
            yield from _wrong_in(field.type, published.field(field.name).type, _Wrong(field.name, (), shown, ""))
        elif not pa.types.is_null(field.type):
            yield _Wrong(field.name, (), shown, "no request has it")


def _wrong_in(kind: pa.DataType, published: pa.DataType, at: _Wrong) -> Iterator[_Wrong]:
    kind = plain_type(kind)
    if pa.types.is_null(kind):
        return
    if pa.types.is_struct(published) and pa.types.is_struct(kind):
        yield from _wrong_in_struct(kind, published, at)
    elif pa.types.is_list(published) and is_list(kind):
        inside = at._replace(inside=(*at.inside, None), shown=f"{at.shown}[]")
        yield from _wrong_in(kind.value_type, published.value_type, inside)
    else:
        is_date = at.shown.rpartition(".")[2] in date_fields()
        if not _fits(kind, published, is_date=is_date):
            expected = "string (YYYY-MM-DD) or date32" if is_date else _in_words(published)
            yield at._replace(what=f"{_in_words(kind)}, instead of {expected}")


def _wrong_in_struct(kind: pa.DataType, published: pa.DataType, at: _Wrong) -> Iterator[_Wrong]:
    names = [each.name for each in kind]
    for position, field in enumerate(kind):
        inside = at._replace(inside=(*at.inside, position), shown=f"{at.shown}.{_shown(field.name)}")
        if field.name in names[:position]:
            yield inside._replace(what="twice", always=True)
        elif (index := published.get_field_index(field.name)) >= 0:
            yield from _wrong_in(field.type, published.field(index).type, inside)
        elif not pa.types.is_null(field.type):
            yield inside._replace(what="no request has it")


def _fits(kind: pa.DataType, published: pa.DataType, *, is_date: bool) -> bool:
    """Whether requests with values of a type can be valid."""
    if pa.types.is_string(published):
        return is_text(kind) or (is_date and bool(pa.types.is_date(kind)))
    if pa.types.is_integer(published):
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))  # 4.0 is 4
    return bool(kind == published)


def _has_value(pieces: Iterable[pa.Array], inside: Iterable[int | None]) -> bool:
    for values in pieces:
        for position in inside:
            values = pc.list_flatten(values) if position is None else pc.struct_field(values, [position])
        if values.null_count < len(values):
            return True
    return False


def _in_words(kind: pa.DataType) -> str:
    return "a struct" if pa.types.is_struct(kind) else "a list" if is_list(kind) else str(kind)


def _shown(name: str) -> str:
    return name if name.isprintable() and name.strip() else json.dumps(name)
