"""A request is decided exactly as if nothing had been taken out of it, however its text is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from proof.strategies import json_values, nearly_valid_requests, pick, valid_requests
from therapy_policy import EmbeddedClient
from therapy_policy.bulk.batch import decide_lines
from therapy_policy.bulk.columns import texts_of_columns
from therapy_policy.bulk.question import Questions
from therapy_policy.bulk.record_batches import Decider
from therapy_policy.files import packaged_json

DATES = ("service_date", "referral_date", "request_date", "review_date", "target_date")


@pytest.fixture(scope="module")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider(decision_texts=True)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions([packaged_json("data.json")])


some_dates = pick("2022-05-31", "2022-06-01", "2022-06-02", "2025-03-01", "1900-01-01", "1900-01-02", "2026-02-30", "")


def _walk(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, step, inner
        if isinstance(inner, (dict, list)):
            yield from _walk(inner)


@st.composite
def texts(draw: DrawFn) -> str:
    """Requests as JSON texts: valid ones and others, with other dates, texts and IDs, written in many ways."""
    request = draw(st.one_of(valid_requests(), valid_requests(), nearly_valid_requests(), json_values()))
    if isinstance(request, dict):
        for holder, step, inner in [*_walk(request)]:
            if step in DATES and draw(st.booleans()):
                holder[step] = draw(some_dates)
            elif inner == "a" and draw(st.booleans()):
                holder[step] = draw(pick("b", "Z", "\x00", "text 1", "text 2", '"request_id": "x"', "\\i", "a" * 4001))
        if draw(st.booleans()):
            request["request_id"] = draw(pick("claim-1", "q", "claim-2", "i", "", "no blanks", 7, None))
        if draw(st.integers(0, 9)) == 0:
            below = request.setdefault(draw(pick("visit", "condition", "other")), {})
            if isinstance(below, dict):
                below["request_id"] = "inside"
    text = json.dumps(request, **draw(pick({}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"indent": 1})))
    change = draw(st.integers(0, 40))
    changes = {
        1: ('"request_id"', '"request_id": "first", "request_id"'),
        2: ('"request_id"', '"request\\u005fid"'),
        3: ('"request_id":', '"request_id" :'),
        4: ('"request_type"', '"service_date": "2020-01-01", "request_type"'),
        5: ('"service_date"', '"service\\u005fdate"'),
        6: (": 1", ": 1e0"),
        7: (": 1", ": -0"),
        8: (": 1", ": 1.0"),
        9: (": 1", ": 1e99999999"),
        10: ('"a"', '"\\ud800"'),
        11: ('"b"', '"\\udc00\\ud83d\\ude00"'),
        12: ("}", ""),
        13: ('"request_type"', '"request_id": "request_id", "request_type"'),
        14: ('"', "\ufeff"),
        15: ('"request_type"', '"note": "request_id", "request_type"'),
        16: ('"request_type"', '"request_id": "x, "request_type"'),
        17: (": 1", ": 12345678901234567890"),
        18: ("-", "\\u002d"),
        19: ("{", '{"request_id": '),
        20: ('"}', '": "request_id": "'),
    }
    return text.replace(*changes.get(change, ("", "")), 1) if change in changes else text


def expected(client: EmbeddedClient, lines: list[str]) -> list[str]:
    encoded = [line.encode("utf-8", "surrogatepass") for line in lines]
    return [
        json.dumps(decision, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        for decision in decide_lines(client, encoded)
    ]


@given(st.lists(texts(), min_size=1, max_size=6))
def test_each_line_gets_the_decision_that_it_gets_alone(
    client: EmbeddedClient, decider: Decider, lines: list[str]
) -> None:
    encoded = pa.array([line.encode("utf-8", "surrogatepass") for line in lines], pa.binary())
    decided = decider.decide(encoded).columns(decider.schema).to_pydict()

    assert decided["decision"] == expected(client, lines)
    assert decided["request_id"] == [json.loads(decision)["request_id"] for decision in decided["decision"]]


@settings(max_examples=40)
@given(st.lists(st.one_of(valid_requests(), nearly_valid_requests()), min_size=1, max_size=6))
def test_columns_are_decided_as_the_objects_that_they_stand_for(
    client: EmbeddedClient, decider: Decider, requests: list[dict[str, Any]]
) -> None:
    fitting: list[dict[str, Any]] = []
    for request in requests:
        try:
            pa.Table.from_pylist([*fitting, request])
        except (pa.ArrowException, UnicodeEncodeError):
            continue  # not every list of JSON values fits columns
        fitting.append(request)
    names = {name for request in fitting for name in request}
    batch = pa.RecordBatch.from_pylist([dict.fromkeys(names) | request for request in fitting])

    decided = decider.decide(texts_of_columns(batch)).columns(decider.schema).to_pydict()

    assert decided["decision"] == expected(client, [json.dumps(_without_nulls(row)) for row in batch.to_pylist()])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [*map(_without_nulls, value)] if isinstance(value, list) else value


BASE = {
    "request_type": "pt_visit",
    "service_date": "2026-03-02",
    "referral_date": "2026-03-01",
    "specialty": "none",
}


def ask(questions: Questions, **changes: Any) -> str:
    return questions.of(json.dumps({**BASE, **changes})).asked.text


def test_requests_that_differ_in_their_id_or_within_periods_ask_the_same(questions: Questions) -> None:
    asked = ask(questions, request_id="1")

    assert ask(questions, request_id="another") == asked
    assert ask(questions, request_id="1", service_date="2030-12-31") == asked


@pytest.mark.parametrize(
    "changes",
    [
        {"referral_date": "2026-03-02"},
        {"referral_date": "2026-03-03"},
        {"referral_date": "2022-05-31"},
        {"service_date": "2026-02-30"},
        {"request_id": "two words"},
        {"specialty": "pediatric"},
    ],
    ids=str,
)
def test_what_the_rules_can_tell_apart_is_another_question(questions: Questions, changes: dict[str, Any]) -> None:
    assert ask(questions, **{"request_id": "1", **changes}) != ask(questions, request_id="1")


def test_free_texts_keep_whether_they_are_blank_and_which_are_equal(questions: Questions) -> None:
    def plan(*texts: str) -> str:
        return ask(questions, request_type="pt_treatment_plan", plan_of_care={"planned_interventions": texts})

    assert plan("walk", "walk", "swim") == plan("hop", "hop", "sit")
    assert plan("walk", "walk") != plan("walk", "swim")
    assert plan("walk", " ") != plan("walk", "swim")
    assert "walk" not in plan("walk")


def test_no_field_that_a_schema_calls_a_date_is_forgotten(questions: Questions) -> None:
    assert questions.date_names == {*DATES}
