"""What `bulk` says about the columns of a Parquet file before it decides, and that this is what deciding would show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from therapy_policy.bulk import columns
from therapy_policy.bulk.arrow_schema import REQUEST_TYPE, request_schema
from therapy_policy.bulk.columns import texts_of_columns
from therapy_policy.bulk.input_columns import check_columns
from therapy_policy.bulk.record_batches import Decider, Policy
from therapy_policy.bulk.run import Options, run
from therapy_policy.errors import FileNotUsable

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLAIM: dict[str, Any] = json.loads((EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8"))
DAY, LINE = date(2026, 3, 12), {"procedure_code": "97530", "units": 4}
LINE_TYPE = pa.struct([("procedure_code", pa.string()), ("units", pa.int64())])

# What a request may have in a column, and what makes each request with a value in it invalid.
FITTING: dict[str, tuple[str, pa.Array]] = {
    "large string": ("service_date", pa.array([str(DAY)], pa.large_string())),
    "string view": ("service_date", pa.array([str(DAY)], pa.string_view())),
    "dictionary": ("service_date", pa.array([str(DAY)]).dictionary_encode()),
    "large type": (REQUEST_TYPE, pa.array([CLAIM[REQUEST_TYPE]], pa.large_string())),
    "dictionary of types": (REQUEST_TYPE, pa.array([CLAIM[REQUEST_TYPE]]).dictionary_encode()),
    "date": ("service_date", pa.array([DAY], pa.date32())),
    "dictionary of dates": ("service_date", pa.array([DAY], pa.date32()).dictionary_encode()),
    "long": ("units_already_authorized", pa.array([1], pa.int64())),
    "unsigned": ("units_already_authorized", pa.array([1], pa.uint8())),
    "whole double": ("units_already_authorized", pa.array([1.0])),
    "large list": ("service_lines", pa.array([[LINE]], pa.large_list(LINE_TYPE))),
    "list of fixed size": ("service_lines", pa.array([[LINE]], pa.list_(LINE_TYPE, 1))),
    "fewer fields": ("service_lines", pa.array([[LINE]], pa.list_(LINE_TYPE))),
    "null elsewhere": ("member_name", pa.array([None], pa.string())),
    "nothing elsewhere": ("member_name", pa.nulls(1)),
    "null of another type": ("benefit_status", pa.array([None], pa.float64())),
    "null inside": (
        "service_lines",
        pa.array([[{**LINE, "charge": None}]], pa.list_(pa.struct([*LINE_TYPE, ("charge", pa.float64())]))),
    ),
}
WRONG: dict[str, tuple[str, pa.Array, str]] = {
    "elsewhere": ("member_name", pa.array(["Kealoha"]), "member_name: no request has it"),
    "empty list elsewhere": ("codes", pa.array([[]], pa.list_(pa.string())), "codes: no request has it"),
    "other case": ("Island", pa.array(["oahu"]), "Island: no request has it"),
    "name of two lines": ("a\nb", pa.array(["oahu"]), '"a\\nb": no request has it'),
    "timestamp": (
        "service_date",
        pa.array([datetime(2026, 3, 12)]),
        "service_date: timestamp[us], instead of string (YYYY-MM-DD) or date32",
    ),
    "date in a text": ("benefit_status", pa.array([DAY]), "benefit_status: date32[day], instead of string"),
    "binary": ("benefit_status", pa.array([b"covered"]), "benefit_status: binary, instead of string"),
    "number as text": (
        "units_already_authorized",
        pa.array(["1"]),
        "units_already_authorized: string, instead of int32",
    ),
    "decimal": (
        "units_already_authorized",
        pa.array([1]).cast(pa.decimal128(19, 0)),
        "units_already_authorized: decimal128(19, 0), instead of int32",
    ),
    "boolean": ("units_already_authorized", pa.array([True]), "units_already_authorized: bool, instead of int32"),
    "JSON": ("service_lines", pa.array([json.dumps([LINE])]), "service_lines: string, instead of a list"),
    "one line": ("service_lines", pa.array([LINE], LINE_TYPE), "service_lines: a struct, instead of a list"),
    "list of texts": ("service_lines", pa.array([["97530"]]), "service_lines[]: string, instead of a struct"),
    "text inside": (
        "service_lines",
        pa.array([[{**LINE, "units": "4"}]]),
        "service_lines[].units: string, instead of int32",
    ),
    "more inside": (
        "service_lines",
        pa.array([[{**LINE, "charge": 80.5}]]),
        "service_lines[].charge: no request has it",
    ),
}


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider()


def with_column(name: str, column: pa.Array) -> pa.RecordBatch:
    names = [field for field in CLAIM if field != name]
    arrays = [pa.array([CLAIM[field]], request_schema().field(field).type) for field in names]
    return pa.RecordBatch.from_arrays([*arrays, column], [*names, name])


def check(batch: pa.RecordBatch) -> None:
    def read(name: str) -> Iterator[pa.Array]:
        yield batch.column(name)

    check_columns("in.parquet", batch.schema, read)


def outcome(decider: Decider, batch: pa.RecordBatch) -> str:
    decided = decider.decide(texts_of_columns(batch)).columns(decider.schema)
    return str(decided["outcome"][0])


def test_the_published_columns_fit() -> None:
    check(pa.RecordBatch.from_pylist([CLAIM], schema=request_schema()))


@pytest.mark.parametrize("case", FITTING)
def test_a_column_that_a_request_may_have_is_decided(decider: Decider, case: str) -> None:
    batch = with_column(*FITTING[case])
    check(batch)
    assert outcome(decider, batch) != "invalid_request"


@pytest.mark.parametrize("case", WRONG)
def test_a_column_that_makes_its_requests_invalid_is_named(decider: Decider, case: str) -> None:
    name, column, message = WRONG[case]
    batch = with_column(name, column)
    assert outcome(decider, batch) == "invalid_request"
    with pytest.raises(FileNotUsable) as raised:
        check(batch)
    assert str(raised.value).splitlines()[1:] == [f"  {message}"]
    nulls = with_column(name, pa.array([None], column.type))
    if name not in ("service_date", "service_lines", "units_already_authorized"):  # a claim needs these
        check(nulls)
        assert outcome(decider, nulls) != "invalid_request"


def test_two_fields_of_one_name_in_a_struct_are_named() -> None:
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["number", "number"])
    with pytest.raises(FileNotUsable, match=r"visit\.number: twice"):
        check(pa.RecordBatch.from_arrays([pa.array(["pt_visit"]), twice], [REQUEST_TYPE, "visit"]))


@pytest.mark.parametrize("case", ["large string", "string view", "dictionary", "large type", "dictionary of types"])
def test_plain_texts_of_any_type_are_written_by_the_fast_way(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    def slow(*_: object) -> Iterator[str]:
        raise AssertionError("written by Python")

    monkeypatch.setattr(columns, "_texts_of_rows", slow)
    (text,) = texts_of_columns(with_column(*FITTING[case])).to_pylist()
    assert {name: value for name, value in json.loads(text).items() if value is not None}.keys() == CLAIM.keys()


def test_a_value_far_down_the_file_is_found_and_a_column_of_nulls_is_not_one(tmp_path: Path) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    rows = 100
    island = pa.array(["oahu"] * rows).dictionary_encode()

    def decide(notes: list[str | None]) -> None:
        requests = {REQUEST_TYPE: ["referral_route"] * rows, "island": island, "a.note": pa.array(notes, pa.string())}
        pq.write_table(pa.table(requests), source, row_group_size=30)
        options = Options(str(source), ".parquet", Policy(), None, False, 10)
        run(options, str(output), lambda _: None, workers=1, resume=False, force=False, command=["bulk"])

    with pytest.raises(FileNotUsable, match=r"a\.note: no request has it"):
        decide([None] * (rows - 1) + ["x"])
    assert not output.exists()
    decide([None] * rows)
    assert pq.read_table(output)["outcome"].to_pylist() == ["routed"] * rows
