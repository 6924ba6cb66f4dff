"""PAS: any JSON, and any Bundle that was changed anywhere, has a typed answer, and never a grant on a missing fact."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from proof.strategies import json_values, paths, value_at
from tests.interop.pas_bundles import (
    COVERED,
    OT_KNOWN,
    Ask,
    Json,
    extension,
    ot_claim,
    referral,
    resource_of,
    visits,
)
from therapy_policy.interop import pas

# What the answer has as it came: the Patient and the organizations.
ECHOED = (("entry", 1), ("entry", 2), ("entry", 3))

VALID = {
    "referral": (referral(quantity=visits(6)), COVERED),
    "extension": (extension(quantity=visits(6)), COVERED),
    "claim": (ot_claim(), OT_KNOWN),
}


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


@given(value=json_values())
def test_any_json_has_a_typed_answer(ask: Ask, value: Any) -> None:
    assert actions_of(ask(value)) == set()


@given(data=st.data(), name=st.sampled_from(sorted(VALID)))
def test_any_json_anywhere_in_a_bundle_has_a_typed_answer(ask: Ask, data: st.DataObject, name: str) -> None:
    bundle, plan = copy.deepcopy(VALID[name][0]), VALID[name][1]
    path = data.draw(st.sampled_from([each for each in paths(bundle) if each]))
    replacement = data.draw(json_values())
    value_at(bundle, path[:-1])[path[-1]] = replacement
    result = ask(bundle, plan=plan)
    actions_of(result)
    if result.status == 200 and path[:2] not in ECHOED:
        Bundle(**result.body)


@pytest.mark.parametrize("name", ["referral", "claim"])
def test_a_bundle_without_one_of_its_parts_has_a_typed_answer(ask: Ask, name: str) -> None:
    bundle, plan = VALID[name]
    for path in paths(bundle):
        changed = copy.deepcopy(bundle)
        del value_at(changed, path[:-1])[path[-1]]
        assert actions_of(ask(changed, plan=plan)) <= {"A1", "A3", "A4", "A6"}, path


def answers_in(items: list[Json], path: tuple[Any, ...] = ()) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for at, item in enumerate(items):
        yield item["linkId"], (*path, at)
        yield from answers_in(item.get("item", []), (*path, at, "item"))


# The island selects who handles a referral. Without an acute event, the lower of the two limits applies.
NOT_NEEDED = ("/island", "/condition/acute_event")


def test_without_a_fact_that_a_provider_states_no_referral_is_granted(ask: Ask) -> None:
    bundle, plan = VALID["referral"]
    assert actions_of(ask(bundle, plan=plan)) == {"A1"}
    stated = list(answers_in(resource_of(bundle, "QuestionnaireResponse")["item"]))
    assert len(stated) == 13
    for link_id, path in stated:
        changed = copy.deepcopy(bundle)
        items = resource_of(changed, "QuestionnaireResponse")["item"]
        del value_at(items, path[:-1])[path[-1]]
        granted = "A1" in actions_of(ask(changed, plan=plan))
        assert granted == (link_id in NOT_NEEDED), link_id


@pytest.mark.parametrize("name", ["benefit_status", "medical_necessity", "pediatric", "units_already_authorized"])
def test_without_a_fact_of_the_plan_no_claim_is_granted(ask: Ask, name: str) -> None:
    bundle, plan = VALID["claim"]
    assert "A1" in actions_of(ask(bundle, plan=plan))
    assert actions_of(ask(bundle, plan=replace(plan, **{name: None}))) <= {"A3", "A4"}
