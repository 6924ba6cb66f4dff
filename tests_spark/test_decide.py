"""A DataFrame of requests gets the decisions that `EmbeddedClient` gives, in whatever form the requests come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import BinaryType, LongType, StructField, StructType

from tests_spark.requests import CLAIMS, EXAMPLES, ROOT, TEXTS, as_dict, columns_of, decided, three_units_a_visit
from therapy_policy import EmbeddedClient
from therapy_policy.bulk.arrow_schema import fields_of_types, request_schema
from therapy_policy.spark import decide

TEXT_ROWS = StructType([StructField("row", LongType()), StructField("text", BinaryType())])


def test_texts_get_the_decisions_of_the_embedded_client(spark: SparkSession) -> None:
    rows = spark.createDataFrame([*enumerate(TEXTS)], TEXT_ROWS).repartition(5)
    found = decide(rows, text_column="text", keep=["row", "text"], decision_texts=True).collect()
    expected = decided(TEXTS)
    assert sorted(row["row"] for row in found) == [*range(len(TEXTS))]
    for row in map(as_dict, found):
        number = row.pop("row")
        assert row.pop("text") == TEXTS[number]
        assert json.loads(row.pop("decision")) == expected[number], TEXTS[number]
        assert row == columns_of(expected[number]), TEXTS[number]


def test_columns_get_the_decisions_of_the_embedded_client(spark: SparkSession) -> None:
    names = request_schema().names
    requests = [*requests_that_fit()]
    assert {each["request_type"] for each in requests} >= fields_of_types().keys()
    visit = next(each for each in requests if each["request_type"] == "pt_visit")
    requests += [
        {"request_type": None},
        {"request_type": "pt_vizit"},
        {**visit, "tier": "unknown"},
        {**visit, "service_date": "2026-02-30"},
        {**visit, "island": "oahu"},  # a field of another type
        {**visit, "visit": None},
    ]
    schema = StructType([StructField("row", LongType()), *from_arrow_schema(request_schema()).fields])
    rows = [(number, *(each.get(name) for name in names)) for number, each in enumerate(requests)]
    frame = spark.createDataFrame(rows, schema).repartition(5)
    found = {row["row"]: as_dict(row) for row in decide(frame, keep=["row"]).collect()}
    with EmbeddedClient() as client:
        expected = client.decide_many([without_nulls(each) for each in requests])
    assert found == {number: {"row": number, **columns_of(dict(decision))} for number, decision in enumerate(expected)}


def requests_that_fit() -> Iterator[Any]:
    """Every example that columns can have: no unknown fields, and all values of the published types."""
    for text in EXAMPLES + CLAIMS:
        with contextlib.suppress(json.JSONDecodeError, pa.ArrowInvalid, pa.ArrowTypeError):
            request = json.loads(text)
            (columns,) = pa.Table.from_pylist([request], request_schema()).to_pylist()
            if without_nulls(columns) == without_nulls(request):
                yield request


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def test_other_policies_are_sent_to_the_executors(spark: SparkSession) -> None:
    visit = json.loads((ROOT / "examples/pt_visit.json").read_text(encoding="utf-8"))
    visit |= {"progress_note_number": 3, "prior_visits": {"evaluation": 1, "treatment": 1}}
    texts = [json.dumps({**visit, "visit": {**visit["visit"], "number": 3, "units": n}}).encode() for n in (3, 4)]
    rows = spark.createDataFrame([*enumerate(texts)], TEXT_ROWS).repartition(2)
    of_three = three_units_a_visit()
    found = {row["row"]: row for row in decide(rows, text_column="text", keep=["row"], against=of_three).collect()}
    assert [(found[row]["units"], found[row]["units_against"], found[row]["flips"]) for row in (0, 1)] == [
        (3, 3, False),
        (4, 3, True),
    ]
    only = {
        row["row"]: row["units"] for row in decide(rows, text_column="text", keep=["row"], bundle=of_three).collect()
    }
    assert only == {0: 3, 1: 3}


def test_columns_that_cannot_be_meant_are_rejected(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("R-1", "pt_visit", "x")], "request_id string, request_type string, claim string")
    with pytest.raises(ValueError, match="No request has these fields: claim"):
        decide(frame)
    with pytest.raises(ValueError, match="The DataFrame has no such columns: text"):
        decide(frame, text_column="text")
    with pytest.raises(ValueError, match="Rename those to keep"):
        decide(frame, keep=["request_id", "claim"])
