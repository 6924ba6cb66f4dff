"""Decisions on Arrow record batches, as a job on a cluster asks for them."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from therapy_policy.bulk.arrow_schema import decision_schema, request_schema
from therapy_policy.bulk.record_batches import Decider, Policy, decide_batches
from therapy_policy.client.decision import Decision
from therapy_policy.client.request_text import RequestText
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
