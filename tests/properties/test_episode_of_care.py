"""An episode of care against a live sidecar, its steps in any order.

The caller here counts as INT-11 asks of a caller: the visits and units that were authorized, within one authorization.
Whatever it asks, and in whatever order, no more is ever authorized than a referral starts with.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from proof.comparison import NOTHING
from proof.policy_in_force import POLICY
from proof.strategies import mostly, pick
from tests.properties.published import CEILING, SCHEMA, form_of, smallest
from therapy_policy import Decision, SidecarClient

EVENTS = ("new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event")
CRITERIA = list(SCHEMA["definitions"]["discontinuation"]["properties"])
DATE = "2026-03-02"
MOST_UNITS = POLICY.on(DATE, "units_per_visit")
INITIAL_VISITS = POLICY.on(DATE, "outpatient_pt", "initial_visits")
TREATMENTS = {tier: visits["treatment"] for tier, visits in INITIAL_VISITS.items()}
EVALUATIONS = {tier: visits["evaluation"] for tier, visits in INITIAL_VISITS.items()}

units_asked = st.integers(1, 6)


def codes(decision: Decision) -> set[str]:
    return {reason["code"] for reason in decision["reasons"]}


class Episode:
    """One authorization, as its caller sees it: what it asks, and what it was given."""

    def __init__(self, client: SidecarClient, tier: str) -> None:
        self.client = client
        self.tier = tier
        self.plan_complete = False
        self.criteria_met: set[str] = set()
        self.units_of_visits: list[int] = []  # one entry for each visit that was authorized
        self.kinds: list[str] = []

    def visits(self, kind: str) -> int:
        return self.kinds.count(kind)

    @property
    def discontinuation(self) -> dict[str, bool]:
        stated = {name: name in self.criteria_met for name in CRITERIA}
        stated["meets_continuation_criteria"] = not stated["meets_continuation_criteria"]
        stated["extended_period_of_service"] = True  # DC-3 has two halves, and the other says whether it is met
        return stated

    def refer(self, category: str, cause: str | None) -> Decision:
        return self.ask(
            smallest(form_of("pt_referral"))
            | {"referral_date": DATE, "condition": {"category": category, "acute_event": cause}, "island": None}
        )

    def bring_plan(self, *, complete: bool) -> Decision:
        plan = smallest(form_of("pt_treatment_plan")) | {"service_date": DATE}
        if not complete:
            plan["plan_of_care"]["goals"] = []
        return self.ask(plan)

    def visit(self, kind: str, units: int, **changes: Any) -> Decision:
        """Request the next visit, and count it if it is authorized."""
        decision = self.ask(self.next_visit(kind, units) | changes)
        if decision["authorized"]["units"]:
            self.units_of_visits.append(decision["authorized"]["units"])
            self.kinds.append(kind)
        return decision

    def more_of_last_visit(self, units: int) -> Decision:
        """Request more units of the last visit, as a further claim does."""
        request = self.next_visit(self.kinds[-1], units, before=self.kinds[:-1])
        request["visit"]["units_already_authorized"] = self.units_of_visits[-1]
        decision = self.ask(request)
        self.units_of_visits[-1] += decision["authorized"]["units"]
        return decision

    def next_visit(self, kind: str, units: int, before: list[str] | None = None) -> dict[str, Any]:
        kinds = self.kinds if before is None else before
        number = len(kinds) + 1
        return {
            "request_type": "pt_visit",
            "benefit_status": "covered",
            "service_date": DATE,
            "specialty": "none",
            "tier": self.tier,
            "visit": {"number": number, "kind": kind, "units": units, "units_already_authorized": 0},
            "progress_note_number": number,
            "prior_visits": {"evaluation": kinds.count("evaluation"), "treatment": kinds.count("treatment")},
            "plan_of_care_complete": self.plan_complete,
            "discontinuation": self.discontinuation,
        }

    def extend(self, *, complete: bool) -> Decision:
        request = smallest(form_of("pt_extension")) | {"request_date": DATE, "discontinuation": self.discontinuation}
        request["documentation"]["impeding_factors"] = {"none_identified": True}
        if not complete:
            request["documentation"]["extension_form_completed"] = False
        return self.ask(request)

    def review(self) -> Decision:
        review = {"review_date": DATE, "discontinuation": self.discontinuation}
        return self.ask(smallest(form_of("pt_continuation")) | review)

    def ask(self, request: dict[str, Any]) -> Decision:
        decision = self.client.decide(request)
        assert decision["outcome"] not in ("invalid_request", "not_applicable"), decision["reasons"]
        return decision


class EpisodeOfCare(RuleBasedStateMachine):
    """Steps of an episode in any order, each with the answer that it must get."""

    client: ClassVar[SidecarClient]
    tier: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.episode = Episode(self.client, self.tier)

    @initialize(
        cause=pick(*EVENTS),
        plan=mostly(pick(True), pick(False), 2),
        visits=st.lists(st.tuples(pick("treatment", "evaluation"), units_asked), max_size=6),
    )
    def begins(self, cause: str, plan: bool, visits: list[tuple[str, int]]) -> None:
        decision = self.episode.refer("acute", cause if self.tier == "acute" else "none")
        assert decision["outcome"] == "authorized"
        assert decision["authorized"]["evaluation_visits"] == EVALUATIONS[self.tier]
        assert decision["authorized"]["treatment_visits"] == TREATMENTS[self.tier]
        self.brings_a_plan_of_care(plan)
        for kind, units in visits:
            self.comes_to_a_visit(kind, units)

    @rule(complete=st.booleans())
    def brings_a_plan_of_care(self, complete: bool) -> None:
        decision = self.episode.bring_plan(complete=complete)
        assert decision["outcome"] == ("authorized" if complete else "pended")
        assert decision["authorized"] == NOTHING
        self.episode.plan_complete = self.episode.plan_complete or complete

    @rule(kind=pick("evaluation", "treatment"), units=units_asked)
    def comes_to_a_visit(self, kind: str, units: int) -> None:
        expected = self.expected_of_visit(kind, units)
        decision = self.episode.visit(kind, units)
        assert decision["outcome"] == expected
        assert decision["authorized"]["units"] == (min(units, MOST_UNITS) if "authorized" in expected else 0)

    # So that many episodes come to their end and continue from there.
    @precondition(lambda self: self.episode.plan_complete and not self.episode.criteria_met)
    @rule(units=units_asked)
    def comes_until_all_visits_are_used(self, units: int) -> None:
        self.comes_to_a_visit("evaluation", units)
        for _ in range(TREATMENTS[self.tier] + 1):
            self.comes_to_a_visit("treatment", units)

    @precondition(lambda self: self.episode.kinds)
    @rule(units=units_asked)
    def claims_more_of_the_last_visit(self, units: int) -> None:
        left = MOST_UNITS - self.episode.units_of_visits[-1]
        before = self.episode.kinds[:-1]
        expected = self.expected_of_visit(self.episode.kinds[-1], units, left, before.count(self.episode.kinds[-1]))
        decision = self.episode.more_of_last_visit(units)
        assert decision["outcome"] == expected
        assert decision["authorized"]["units"] == (min(units, left) if "authorized" in expected else 0)

    def expected_of_visit(self, kind: str, units: int, left: int = MOST_UNITS, used: int | None = None) -> str:
        used = self.episode.visits(kind) if used is None else used
        most = INITIAL_VISITS[self.tier][kind]
        if self.episode.criteria_met or used >= most:
            return "denied"
        if kind == "treatment" and not self.episode.plan_complete:
            return "pended"
        if left == 0:
            return "denied"
        return "authorized" if units <= left else "partially_authorized"

    @rule(kind=pick("evaluation", "treatment"), off_by=pick(-2, -1, 1, 5), units=units_asked)
    def numbers_a_visit_out_of_sequence(self, kind: str, off_by: int, units: int) -> None:
        number = max(len(self.episode.kinds) + 1 + off_by, 1)
        if number == len(self.episode.kinds) + 1:
            number += 1
        request = self.episode.next_visit(kind, units)
        request["visit"]["number"] = request["progress_note_number"] = number
        decision = self.episode.ask(request)
        assert decision["outcome"] in ("denied", "pended")
        assert "PT_VISIT_OUT_OF_SEQUENCE" in codes(decision)
        assert decision["authorized"] == NOTHING

    @rule(kind=pick("evaluation", "treatment"), note=pick(None, 999), units=units_asked)
    def leaves_a_note_unnumbered(self, kind: str, note: int | None, units: int) -> None:
        decision = self.episode.visit(kind, units, progress_note_number=note)
        assert decision["outcome"] in ("denied", "pended")
        assert "PT_NOTE_NOT_NUMBERED" in codes(decision)
        assert decision["authorized"] == NOTHING

    @rule(kind=pick("evaluation", "treatment"), benefit=pick("unverified", "not_covered", None), units=units_asked)
    def comes_without_benefits(self, kind: str, benefit: str | None, units: int) -> None:
        decision = self.episode.visit(kind, units, benefit_status=benefit)
        assert decision["outcome"] in ("denied", "pended")
        assert decision["outcome"] == "denied" or benefit != "not_covered"
        assert decision["authorized"] == NOTHING

    @rule(complete=st.booleans())
    def asks_for_an_extension(self, complete: bool) -> None:
        decision = self.episode.extend(complete=complete)
        assert decision["outcome"] == ("denied" if self.episode.criteria_met else "pended")
        ready = complete and not self.episode.criteria_met
        assert ("EXT_READY_FOR_CLINICAL_REVIEW" in codes(decision)) == ready
        assert decision["authorized"] == NOTHING

    @rule()
    def is_reviewed(self) -> None:
        decision = self.episode.review()
        assert decision["outcome"] == ("denied" if self.episode.criteria_met else "authorized")
        assert decision["authorized"] == NOTHING

    # Only once there were visits: an episode that is over at the start has little to show.
    @precondition(lambda self: len(self.episode.kinds) >= 3)
    @rule(criterion=pick(*(name for name in CRITERIA if name != "extended_period_of_service")))
    def meets_a_criterion_for_ending(self, criterion: str) -> None:
        self.episode.criteria_met.add(criterion)

    @precondition(lambda self: self.episode.criteria_met)
    @rule()
    def turns_out_to_meet_none(self) -> None:
        self.episode.criteria_met.clear()

    @invariant()
    def no_more_is_authorized_than_a_referral_starts_with(self) -> None:
        episode = self.episode
        assert episode.visits("evaluation") <= EVALUATIONS[self.tier] <= CEILING["evaluation_visits"]["most"]
        assert episode.visits("treatment") <= TREATMENTS[self.tier] <= CEILING["treatment_visits"]["most"]
        assert all(0 < units <= CEILING["units_per_visit"]["most"] for units in episode.units_of_visits)


@pytest.mark.parametrize("tier", TREATMENTS)
def test_an_episode_in_any_order(asking_sidecar: SidecarClient, tier: str) -> None:
    EpisodeOfCare.client, EpisodeOfCare.tier = asking_sidecar, tier
    examples = settings().max_examples // 3  # each of them is many requests
    run_state_machine_as_test(EpisodeOfCare, settings=settings(max_examples=examples, stateful_step_count=20))


@pytest.mark.parametrize(
    ("tier", "category", "cause", "most"), [("nonacute", "subacute", None, 6), ("acute", "acute", "fracture", 12)]
)
def test_a_whole_episode(asking_sidecar: SidecarClient, tier: str, category: str, cause: str | None, most: int) -> None:
    episode = Episode(asking_sidecar, tier)
    granted = episode.refer(category, cause)["authorized"]
    assert granted["evaluation_visits"] + granted["treatment_visits"] == most

    assert episode.visit("evaluation", 4)["outcome"] == "authorized"
    assert codes(episode.visit("treatment", 4)) == {"PT_PLAN_OF_CARE_MISSING"}
    assert episode.bring_plan(complete=True)["outcome"] == "authorized"
    episode.plan_complete = True
    for claims in itertools.islice(ways_to_split(), most - 1):
        first, *more = claims
        assert episode.visit("treatment", first)["outcome"] == "authorized"
        for units in more:
            assert episode.more_of_last_visit(units)["outcome"] == "authorized"
        over = episode.more_of_last_visit(1)
        assert (over["outcome"], codes(over)) == ("denied", {"PT_UNITS_OVER_VISIT_LIMIT"})

    assert (len(episode.kinds), sum(episode.units_of_visits)) == (most, most * 4)
    for kind, code in (("treatment", "PT_TREATMENT_VISIT_LIMIT"), ("evaluation", "PT_EVALUATION_VISIT_LIMIT")):
        further = episode.visit(kind, 1)
        assert (further["outcome"], codes(further)) == ("denied", {code})
        assert [reason["clauses"] for reason in further["reasons"]] == [["PT-4" if tier == "acute" else "PT-3"]]
    assert codes(episode.extend(complete=True)) == {"EXT_READY_FOR_CLINICAL_REVIEW"}
    assert episode.review()["outcome"] == "authorized"
    assert len(episode.kinds) == most


def ways_to_split() -> Iterator[list[int]]:
    """Claims that come to four units, one way after the other."""
    return itertools.cycle([[4], [1, 3], [2, 2], [1, 1, 1, 1], [3, 1], [1, 2, 1]])
