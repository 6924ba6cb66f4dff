"""Decisions on Arrow record batches, as a job on a cluster asks for them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from therapy_policy.bulk.arrow_schema import decision_schema, request_schema
from therapy_policy.bulk.columns import texts_of_columns
from therapy_policy.bulk.record_batches import Decider, Policy, decide_batches
from therapy_policy.client.decision import Decision
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, RequestText
from therapy_policy.errors import EngineError

ROUTES = [
    {"request_type": "referral_route", "request_id": f"r-{n}", "island": island}
    for n, island in enumerate(("oahu", "kauai", "oahu", "atlantis"))
]
OUTCOMES = ["routed", "routed", "routed", "invalid_request"]


def test_texts_and_columns_get_the_same_rows() -> None:
    texts = pa.RecordBatch.from_pydict({"text": [json.dumps(route) for route in ROUTES]})
    columns = pa.RecordBatch.from_pylist(ROUTES, schema=request_schema())

    (by_text,) = decide_batches([texts], text_column="text")
    by_column = [*decide_batches([columns.slice(0, 3), columns.slice(3)], against=Policy())]

    assert by_text.schema == decision_schema()
    assert by_text["outcome"].to_pylist() == OUTCOMES
    assert by_text["request_id"].to_pylist() == ["r-0", "r-1", "r-2", "r-3"]
    assert pa.Table.from_batches(by_column).select(by_text.schema.names).to_pylist() == by_text.to_pylist()
    assert [flips for batch in by_column for flips in batch["flips"].to_pylist()] == [False] * 4


def test_a_question_is_decided_once_and_one_that_fails_costs_no_other_its_decision() -> None:
    decider = Decider(rows_as_json=True)
    asked: list[int] = []

    def fails_on_kauai(requests: list[RequestText]) -> list[Decision]:
        asked.append(len(requests))
        decisions: list[Any] = decide(requests)
        failing = [None if "kauai" in request.text else each for request, each in zip(requests, decisions, strict=True)]
        raise EngineError("The engine failed.", 1, failing)

    decide = decider.clients[0].decide_checked
    decider.clients[0].decide_checked = fails_on_kauai  # type: ignore[method-assign]
    lines = pa.array([json.dumps(route) for route in ROUTES])

    for _ in range(2):
        rows = [json.loads(line) for line in bytes(decider.decide(lines).json_lines(False)).splitlines()]

    assert asked == [3]
    assert [row["outcome"] for row in rows] == ["routed", None, "routed", "invalid_request"]
    assert [row["not_decided"] for row in rows] == [None, "The engine failed.", None, None]
    assert [row["request_id"] for row in rows] == ["r-0", "r-1", "r-2", "r-3"]


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider()


def _bytes_that_are_not_utf_8() -> pa.Array:
    return pa.array([b"maui", b"\xff\xfe", b"kauai"]).view(pa.string())


@pytest.mark.parametrize(
    ("name", "column", "outcomes"),
    [
        (
            "referral_date",
            pa.array([None, 10_000_000, None], pa.int32()).cast(pa.date32()),
            ["routed", "invalid_request", "routed"],
        ),
        ("island", _bytes_that_are_not_utf_8(), ["routed", "invalid_request", "routed"]),
        ("request_type", pa.array([b"referral_route", b"\xff", None]).view(pa.string()), None),
        ("more", _bytes_that_are_not_utf_8(), None),
        ("more", pa.array([None, 1, None], pa.timestamp("ns")), ["routed", "invalid_request", "routed"]),
        ("more", pa.array([None, 1, None], pa.float16()), ["routed", "invalid_request", "routed"]),
        ("island", pa.array(["maui", "atlantis", "kauai"], pa.string_view()), ["routed", "invalid_request", "routed"]),
    ],
    ids=["far date", "bytes in a known field", "bytes in the type", "bytes elsewhere", "nanoseconds", "half", "view"],
)
def test_an_odd_value_costs_no_other_row_its_decision(
    decider: Decider, name: str, column: pa.Array, outcomes: list[str] | None
) -> None:
    columns = {"request_type": ["referral_route"] * 3, "island": ["maui"] * 3} | {name: column}

    decided = decider.decide(texts_of_columns(pa.RecordBatch.from_pydict(columns))).columns(decider.schema)

    first_only = ["routed", "invalid_request", "invalid_request"]
    every = ["invalid_request"] * 3  # a column that no request has
    assert decided["outcome"].to_pylist() == (outcomes or (first_only if name == "request_type" else every))


def test_threads_do_not_read_the_columns_of_each_other() -> None:
    def texts_name_only(island: str) -> bool:
        requests = [{"request_type": "referral_route", "island": island}] * 50
        batch = pa.RecordBatch.from_pylist(requests, schema=request_schema())
        return all(island in text for _ in range(40) for text in texts_of_columns(batch).to_pylist())

    with ThreadPoolExecutor(2) as threads:
        assert [*threads.map(texts_name_only, ["maui", "kauai"])] == [True, True]


def test_a_request_that_is_too_long_is_invalid_also_if_it_is_not_without_its_id(decider: Decider) -> None:
    text = json.dumps({"request_type": "referral_route", "request_id": "r" * 64, "island": "oahu"})
    lines = pa.array([text.ljust(MAX_REQUEST_BYTES), text.ljust(MAX_REQUEST_BYTES + 1)])

    assert decider.decide(lines).columns(decider.schema)["outcome"].to_pylist() == ["routed", "invalid_request"]
