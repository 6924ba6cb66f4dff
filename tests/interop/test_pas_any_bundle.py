"""PAS: any JSON, and any Bundle that was changed anywhere, has a typed answer, and never a grant on a missing fact."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from proof.strategies import json_values, paths, pick, value_at
from tests.interop.pas_bundles import (
    COVERED,
    OT_KNOWN,
    RECEIVED,
    Json,
    extension,
    item_of,
    ot_claim,
    referral,
    resource_of,
    visits,
)
from tests.interop.pas_stand_in import answer_with
from therapy_policy import EmbeddedClient
from therapy_policy.interop import pas
from therapy_policy.interop.questionnaire import OF_THE_PLAN, questionnaire

Ask = Callable[..., pas.Result]
VALID = {
    "referral": (referral(quantity=visits(6)), COVERED),
    "extension": (extension(quantity=visits(6)), COVERED),
    "claim": (ot_claim(), OT_KNOWN),
}


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with EmbeddedClient() as client:
        yield partial(pas.submit, answer=partial(answer_with, client), received_at=RECEIVED)


def actions_of(result: pas.Result) -> set[str]:
    """The actions of a typed answer; nothing for one that refuses."""
    if result.status != 200:
        assert result.status in (400, 422)
        OperationOutcome(**result.body)
        return set()
    items = result.body["entry"][0]["resource"]["item"]
    return {
        part["valueCodeableConcept"]["coding"][0]["code"]
        for item in items
        for part in item["adjudication"][0]["extension"][0]["extension"]
        if part["url"].endswith("reviewActionCode")
    }


@given(value=json_values)
def test_any_json_has_a_typed_answer(ask: Ask, value: Any) -> None:
    assert actions_of(ask(value)) == set()


@given(data=st.data(), name=st.sampled_from(sorted(VALID)))
def test_any_json_anywhere_in_a_bundle_has_a_typed_answer(ask: Ask, data: st.DataObject, name: str) -> None:
    bundle, plan = copy.deepcopy(VALID[name][0]), VALID[name][1]
    path = data.draw(st.sampled_from([each for each in paths(bundle) if each]))
    replacement = data.draw(json_values)
    value_at(bundle, path[:-1])[path[-1]] = replacement
    result = ask(bundle, plan=plan)
    actions_of(result)
    if result.status == 200 and not path_is_echoed(path):
        Bundle(**result.body)


def path_is_echoed(path: tuple[Any, ...]) -> bool:
    """Whether the answer has a part of the Bundle as it came: the resources of the patient and the organizations."""
    return len(path) > 2 and path[:2] in (("entry", 1), ("entry", 2), ("entry", 3))


@given(data=st.data(), name=st.sampled_from(sorted(VALID)))
def test_a_bundle_without_one_of_its_parts_grants_no_more(ask: Ask, data: st.DataObject, name: str) -> None:
    bundle, plan = copy.deepcopy(VALID[name][0]), VALID[name][1]
    path = data.draw(st.sampled_from([each for each in paths(bundle) if each]))
    del value_at(bundle, path[:-1])[path[-1]]
    result = ask(bundle, plan=plan)
    actions = actions_of(result)
    if "answer" in str(path) or "quantity" in path and name == "claim":
        assert "A1" not in actions or name == "claim" or is_no_fact(path)


def is_no_fact(path: tuple[Any, ...]) -> bool:
    return "display" in path


def attested() -> Iterator[tuple[str, str]]:
    for item in questionnaire("pt_referral")["item"]:
        for each in item.get("item", [item]):
            yield item["linkId"], each["linkId"]


NOT_NEEDED = {"/island"}  # it selects who handles the referral, and grants nothing
