"""PAS: what is too large, or too much, is refused in good time, and never an error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.pas_bundles import (
    COVERED,
    CPT,
    OT_KNOWN,
    RECEIVED,
    X12,
    Json,
    claim_of,
    concept,
    entry,
    example,
    extension,
    item_of,
    ot_claim,
    problem,
    referral,
    with_order,
)
from therapy_policy import EmbeddedClient
from therapy_policy.interop import pas
from therapy_policy.interop.pas.bundle import MAX_ELEMENTS


def never(request: Json) -> Json:
    raise AssertionError("the engine was asked")


def repeated(content: list[Json], **changed: Any) -> None:
    content += [content[-1] | changed for _ in range(MAX_ELEMENTS)]


LONG: dict[str, Callable[[Json], object]] = {
    "entry": lambda b: b["entry"].extend(entry("Patient", f"p{n}") for n in range(MAX_ELEMENTS)),
    "insurance": lambda b: repeated(claim_of(b)["insurance"], focal=False),
    "item": lambda b: claim_of(b)["item"].extend(item_of(b) | {"sequence": n + 2} for n in range(MAX_ELEMENTS)),
    "supportingInfo": lambda b: repeated(claim_of(b)["supportingInfo"]),
    "careTeam": lambda b: claim_of(b).update(careTeam=[{"sequence": 1}] * (MAX_ELEMENTS + 1)),
    "careTeamSequence": lambda b: item_of(b).update(careTeamSequence=[1] * (MAX_ELEMENTS + 1)),
    "event": lambda b: with_order(b, occurrenceTiming={"event": ["2026-03-12"] * (MAX_ELEMENTS + 1)}),
}


@pytest.mark.parametrize("name", LONG)
def test_a_list_that_is_too_long_is_refused(name: str) -> None:
    asked = referral()
    LONG[name](asked)
    told = problem(pas.submit(asked, never, received_at=RECEIVED, plan=COVERED))
    assert f"{name}: has more than {MAX_ELEMENTS} elements" in told


def test_an_order_that_is_too_long_is_refused() -> None:
    asked = with_order(referral(), category=[concept(CPT, "97161")] * 1_000)
    told = problem(pas.submit(asked, never, received_at=RECEIVED, plan=COVERED))
    assert "has more than 20,000 characters" in told


def test_lists_of_the_greatest_length_are_read_in_good_time() -> None:
    asked = ot_claim(("97530", 1))
    asked["entry"] += [entry("Coverage", f"c{n}") for n in range(MAX_ELEMENTS - len(asked["entry"]))]
    coverage = {"focal": False, "coverage": {"reference": asked["entry"][-1]["fullUrl"]}}
    claim_of(asked)["insurance"] += [coverage] * (MAX_ELEMENTS - 1)
    with_order(
        asked,
        code=concept(f"{X12}/1365", "AD"),
        category=[concept(f"{X12}/1365", "AD")] * 130,
        occurrenceTiming={"event": ["2026-03-12"] * MAX_ELEMENTS},
    )
    del asked["entry"][-2]
    coverage["coverage"] = {"reference": asked["entry"][-2]["fullUrl"]}
    numbers = [*range(MAX_ELEMENTS)]
    claim_of(asked)["careTeam"] = [{"sequence": n, "qualification": concept(CPT, str(n))} for n in numbers]
    claim_of(asked)["item"] = [item_of(asked) | {"sequence": n + 1, "careTeamSequence": numbers} for n in numbers]
    started = time.process_time()
    submission = pas.read(asked, plan=OT_KNOWN)
    assert time.process_time() - started < 2
    assert len(submission.items) == MAX_ELEMENTS


def test_answers_that_are_longer_than_an_engine_accepts_are_refused() -> None:
    request = example("pt_extension")
    notes = request["documentation"]["notes"]
    request["documentation"]["notes"] = [notes[0] | {"goals_addressed": ["x" * 4_000] * 20}] * 20
    asked = extension(request)
    assert pas.read(asked, plan=COVERED).request is not None
    with EmbeddedClient() as client:
        result = pas.submit(asked, client.answer, received_at=RECEIVED, plan=COVERED)
    assert result.status == 422
    assert "hand it on" in problem(result)
