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
    any_value,
    flag,
    group_names,
    one_field,
    set_value,
    value_at,
)
from therapy_policy.classes.model import dimension_group
from therapy_policy.classes.policy_values import PolicyValues

REQUEST_ID = any_value("request_id", ABSENT, None, "1", "x" * 64, "A-b.c:_9")


def benefit(policy: PolicyValues, request_type: str) -> Dimension:
    choices = policy.choices(f"{request_type}.benefit_status")
    return one_field("benefit_status", group_names(choices, default="unverified"))


def pt_date_and_specialty(policy: PolicyValues, request_type: str, date: str) -> tuple[Dimension, Dimension]:
    return policy.date(date, without="pediatric_ot"), specialty(policy, request_type)


def specialty(policy: PolicyValues, request_type: str) -> Dimension:
    excluded = policy.values("outpatient_pt.excluded_specialties")

    def classify(name: str) -> Hashable:
        return name == "none", tuple(name in each for each in excluded)

    return one_field("specialty", group_names(policy.choices(f"{request_type}.specialty"), classify))


def islands(policy: PolicyValues, request_type: str) -> dict[str, Sequence[Any]]:
    routes = policy.values("referral.routes")

    def classify(island: str) -> Hashable:
        route_of_island = [each.get(island, {}) for each in routes]
        return tuple((route.get("chapter"), route.get("network")) for route in route_of_island)

    return group_names(policy.choices(f"{request_type}.island"), classify)


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
)  # each ends therapy if it is true; meets_continuation_criteria ends it if it is false
PAIR = ("extended_period_of_service", "progress_cause_indeterminate")  # these end it only together
BOTH, NOT_BOTH = "both true", "not both true"


def write_pair(request: Request, value: str, choose: Choose) -> None:
    pairs = itertools.product((ABSENT, None, False, True), repeat=2)
    answers = choose([pair for pair in pairs if (pair == (True, True)) == (value == BOTH)])
    for name, answer in zip(PAIR, answers, strict=True):
        set_value(request, f"discontinuation.{name}", answer)


def read_pair(request: Request) -> str:
    return BOTH if all(value_at(request, f"discontinuation.{name}") is True for name in PAIR) else NOT_BOTH


# For a visit and an extension, a missing field says nothing; a continuation review needs an answer to each.
DISCONTINUATION = dimension_group(
    "discontinuation",
    *(flag(f"discontinuation.{name}", baseline=False) for name in CRITERIA if name not in PAIR),
    Dimension(f"discontinuation.{PAIR[0]} and {PAIR[1]}", (NOT_BOTH, BOTH), write_pair, read_pair),
    one_field(
        "discontinuation.meets_continuation_criteria",
        {"true or not stated": (ABSENT, None, True), "false": (False,)},
    ),
)
