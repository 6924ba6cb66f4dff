"""The examples cover every request type, every outcome and every reason."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.command import EXAMPLES, ROOT
from therapy_policy import Decision, EmbeddedClient

DATA = json.loads((ROOT / "python/therapy_policy/policy/packaged/data.json").read_text(encoding="utf-8"))["therapy"]
REQUEST_TYPES = DATA["request"]["forms"]["request_type"]["values"]
LINES = (EXAMPLES / "claims.jsonl").read_bytes().splitlines()


@pytest.fixture(scope="module")
def decisions(client: EmbeddedClient) -> list[Decision]:
    return [client.decide_text(line if is_json(line) else b"null") for line in LINES]


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


OUTCOMES = {
    "bad_request": ("invalid_request", {"REQUEST_INVALID"}),
    "pediatric_ot_claim": ("partially_authorized", {"OT_CODE_NOT_LISTED", "OT_UNITS_OVER_VISIT_LIMIT"}),
    "pt_continuation": ("denied", {"DC_ADAPTED", "DC_PROGRESS_INDETERMINATE"}),
    "pt_extension": ("pended", {"EXT_READY_FOR_CLINICAL_REVIEW"}),
    "pt_referral": ("authorized", {"PT_ACUTE_EVENT_NOT_LISTED"}),
    "pt_treatment_plan": ("pended", {"PT_PLAN_OF_CARE_INCOMPLETE"}),
    "pt_visit": ("denied", {"PT_TREATMENT_VISIT_LIMIT"}),
    "referral_route": ("routed", set()),
}


def test_there_is_one_of_each_type() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == OUTCOMES.keys() == {*REQUEST_TYPES, "bad_request"}


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_example_has_the_decision_that_it_illustrates(name: str, client: EmbeddedClient) -> None:
    decision = client.decide_text((EXAMPLES / f"{name}.json").read_bytes())
    assert (decision["outcome"], {reason["code"] for reason in decision["reasons"]}) == OUTCOMES[name]
    assert decision["request_type"] == ("pt_visit" if name == "bad_request" else name)


def test_the_claims_show_every_type_outcome_and_reason(decisions: list[Decision]) -> None:
    assert len(LINES) >= 200
    assert {decision["request_type"] for decision in decisions} == {*REQUEST_TYPES, None}
    assert {decision["outcome"] for decision in decisions} == {
        "authorized",
        "partially_authorized",
        "denied",
        "pended",
        "not_applicable",
        "routed",
        "invalid_request",
    }
    # A policy that can be used never says that it cannot.
    shown = {reason["code"] for decision in decisions for reason in decision["reasons"]}
    assert shown == DATA["register"]["reason_codes"].keys() - {"POLICY_VALUE_UNUSABLE"}


def test_most_claims_are_valid(decisions: list[Decision]) -> None:
    invalid = sum(decision["outcome"] == "invalid_request" for decision in decisions)
    assert 3 <= invalid <= len(LINES) // 20
    assert sum(not is_json(line) for line in LINES) == 1


def test_request_ids_are_unique_and_identify_nobody() -> None:
    requests: list[Any] = [json.loads(line) for line in LINES if is_json(line)]
    requests += [json.loads(path.read_bytes()) for path in EXAMPLES.glob("*.json")]
    references = [request["request_id"] for request in requests]
    assert len(set(references)) == len(references)
    assert all(re.fullmatch(r"2026-03-[0-9]{4}", reference) for reference in references)
