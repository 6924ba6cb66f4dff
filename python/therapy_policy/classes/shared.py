"""What the classes of several request types have in common."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import Any

from therapy_policy.classes.dimensions import (
    ABSENT,
    Choose,
    Dimension,
    Request,
    alike,
    anything,
    flag,
    look,
    member,
    put,
)
from therapy_policy.classes.model import group
from therapy_policy.classes.policy_values import PolicyValues

REQUEST_ID = anything("request_id", ABSENT, None, "1", "x" * 64, "a/b~c")


def benefit(policy: PolicyValues, request_type: str) -> Dimension:
    choices = policy.choices(f"{request_type}.benefit_status")
    return member("benefit_status", alike(choices, unstated="unverified"))


def pt_date_and_specialty(policy: PolicyValues, request_type: str, date: str) -> tuple[Dimension, Dimension]:
    excluded = policy.values("outpatient_pt.excluded_specialties")

    def tell(specialty: str) -> Hashable:
        return specialty == "none", tuple(specialty in those for those in excluded)

    choices = policy.choices(f"{request_type}.specialty")
    return policy.date(date, without="pediatric_ot"), member("specialty", alike(choices, tell))


def islands(policy: PolicyValues, request_type: str) -> dict[str, Sequence[Any]]:
    routes = policy.values("referral.routes")

    def tell(island: str) -> Hashable:
        found = [each.get(island, {}) for each in routes]
        return tuple((route.get("chapter"), route.get("network")) for route in found)

    return alike(policy.choices(f"{request_type}.island"), tell)


CRITERIA = (
    "functional_impairment_resolved",
    "goals_achieved",
    "returned_to_prior_function",
    "adapted_with_equipment",
    "extended_period_of_service",
    "progress_cause_indeterminate",
    "unable_to_participate",
    "home_program_noncompliance",
    "lacks_scheduled_participation",
)  # each of them ends therapy when it is true; meets_continuation_criteria does when it is false
HALVES = ("extended_period_of_service", "progress_cause_indeterminate")  # which end it together only
BOTH, NOT_BOTH = "both true", "not both true"


def write_halves(request: Request, value: str, choose: Choose) -> None:
    pairs = itertools.product((ABSENT, None, False, True), repeat=2)
    answers = choose([pair for pair in pairs if (pair == (True, True)) == (value == BOTH)])
    for name, stated in zip(HALVES, answers, strict=True):
        put(request, f"discontinuation.{name}", stated)


def read_halves(request: Request) -> str:
    return BOTH if all(look(request, f"discontinuation.{name}") is True for name in HALVES) else NOT_BOTH


# Where what is not stated says nothing, which is everywhere but in a continuation review.
DISCONTINUATION = group(
    "discontinuation",
    *(flag(f"discontinuation.{name}", quiet=False) for name in CRITERIA if name not in HALVES),
    Dimension(f"discontinuation.{HALVES[0]} and {HALVES[1]}", (NOT_BOTH, BOTH), write_halves, read_halves),
    member(
        "discontinuation.meets_continuation_criteria",
        {"true or not stated": (ABSENT, None, True), "false": (False,)},
    ),
)
