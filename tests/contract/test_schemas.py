"""The published schemas are sound, and `jsonschema`, which knows nothing of the policy, agrees on what is valid."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from proof import strategies
from therapy_policy import EmbeddedClient
from therapy_policy.policy import bundles

SCHEMAS = Path(__file__).parents[2] / "schemas"
POLICIES = Path(__file__).parents[2] / "policies"
REQUEST = json.loads((SCHEMAS / "request.json").read_text(encoding="utf-8"))
OF_DECISIONS = json.loads((SCHEMAS / "decision.json").read_text(encoding="utf-8"))
DECISION = Draft7Validator(OF_DECISIONS)
ANSWER = Draft7Validator(json.loads((SCHEMAS / "answer.json").read_text(encoding="utf-8")))
ANY_REQUEST = Draft7Validator(REQUEST)
REQUEST_TYPES = REQUEST["properties"]["request_type"]["enum"]


@pytest.mark.parametrize("path", sorted(SCHEMAS.rglob("*.json")), ids=lambda path: path.stem)
def test_a_schema_is_a_schema(path: Path) -> None:
    Draft7Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_there_is_one_schema_for_each_request_type() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*REQUEST_TYPES, "request", "decision", "answer"}


def test_the_steps_of_an_episode_are_of_all_request_types() -> None:
    episode = bundles.packaged_bundle().data["therapy"]["register"]["episode"]
    assert {step["request_type"] for step in episode["steps"].values()} - {None} == set(REQUEST_TYPES)


@given(strategies.nearly_valid_requests())
def test_schema_and_engine_agree_on_what_is_valid(request: Any) -> None:
    decision = CLIENT.decide(request)
    assert ANY_REQUEST.is_valid(request) == (decision["outcome"] != "invalid_request")


@given(strategies.json_values())
def test_schema_and_engine_agree_on_any_json(value: Any) -> None:
    assert ANY_REQUEST.is_valid(value) == (CLIENT.decide(value)["outcome"] != "invalid_request")


@given(strategies.valid_requests())
def test_the_schema_of_its_type_accepts_what_request_json_accepts(request: Any) -> None:
    schema = json.loads((SCHEMAS / f"{request['request_type']}.json").read_text(encoding="utf-8"))
    assert Draft7Validator(schema).is_valid(request)
    assert ANY_REQUEST.is_valid(request)


@given(strategies.valid_requests() | strategies.nearly_valid_requests())
def test_a_decision_is_of_the_published_form(request: Any) -> None:
    assert list(DECISION.iter_errors(CLIENT.decide(request))) == []


@given(strategies.valid_requests() | strategies.nearly_valid_requests())
def test_an_answer_is_of_the_published_form(request: Any) -> None:
    answered = CLIENT.answer(request)
    assert list(ANSWER.iter_errors(answered["answer"])) == []
    assert answered["decision"] == CLIENT.decide(request)


def test_the_calendar_of_the_schema_is_that_of_the_engine() -> None:
    texts = [
        f"{year:04}-{month:02}-{day:02}"
        for year in (1899, 1900, 1904, 2000, 2023, 2024, 2099, 2100)
        for month in range(14)
        for day in range(33)
    ]
    texts += [
        "2024-02-29\n",
        "2024-2-29",
        "20240229",
        "2024-02-29T00:00",
        " 2024-02-29",
        "٢٠٢٤-٠٢-٢٩",
        "",
        "2024-02-2٩",
    ]
    schema = Draft7Validator(REQUEST["definitions"]["date"])
    requests = [
        {"request_type": "pt_continuation", "review_date": text, "specialty": "none", "discontinuation": {}}
        for text in texts
    ]
    for text, decision in zip(texts, CLIENT.decide_many(requests), strict=True):
        accepted = decision["outcome"] != "invalid_request"
        assert accepted == schema.is_valid(text) == is_date(text), text


def is_date(text: str) -> bool:
    if len(text) != 10 or not text.isascii():
        return False
    try:
        return 1900 <= datetime.date.fromisoformat(text).year <= 2099
    except ValueError:
        return False


CLIENT = EmbeddedClient()


def test_the_mask_knows_a_place_for_each_field_that_is_not_plain() -> None:
    """`bulk` takes free texts out by `plain_fields`, and the decision log by the places in free_texts.rego."""
    found = set()
    for line in (POLICIES / "therapy/request/free_texts.rego").read_text(encoding="utf-8").splitlines():
        if place := re.match(r"\s*\{\[\[(.*?)\], text\]", line):
            name = [step for step in place[1].split(", ") if not step.startswith("i_")][-1]
            several = re.search(rf"some {name} in (\[.*?\])", line)
            found |= {*json.loads(several[1] if several else f"[{name}]")}
    tables = json.loads((POLICIES / "therapy/request/data.json").read_text(encoding="utf-8"))
    assert found == tables["fields"].keys() - tables["plain_fields"].keys()
    assert found
