"""The classes of outpatient PT referrals."""

from __future__ import annotations

from collections.abc import Sequence

from therapy_policy.classes.dimensions import (
    ABSENT,
    Dimension,
    answer,
    group_names,
    intervals,
    one_field,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import REQUEST_ID, benefit, islands, pt_date_and_specialty

IMPROVEMENT_ASPECTS = (
    "measurable",
    "significant",
    "sustainable",
    "functional",
    "within_reasonable_period",
    "result_of_pt",
)


def pt_referral(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pt_referral"
    lists = policy.values("outpatient_pt.acute_categories") + policy.values("outpatient_pt.eligible_categories")
    categories = policy.choices(f"{name}.condition.category")
    events = policy.values("outpatient_pt.acute_events")
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "referral_date"),
        benefit(policy, name),
        one_field(
            "condition.category",
            group_names(categories, lambda category: tuple(category in each for each in lists)),
        ),
        one_field(
            "condition.acute_event",
            group_names(
                policy.choices(f"{name}.condition.acute_event"),
                lambda event: tuple(event in each for each in events),
                default="none",
            ),
        ),
        *(answer(f"expected_improvement.{aspect}", baseline=True) for aspect in IMPROVEMENT_ASPECTS),
        *requested_visits(policy, name),
        one_field("island", {"not stated": (ABSENT, None)} | islands(policy, name)),
        REQUEST_ID,
        optional=("expected_improvement",),
    )


def requested_visits(policy: PolicyValues, request_type: str) -> tuple[Dimension, ...]:
    """The visits asked for, compared with those of each tier; none for policies whose referrals ask for no number."""
    path = "requested_visits"
    bundles = policy.bundles_with(f"{request_type}.{path}")
    if not bundles:
        return ()
    tiers = [tier for value in policy.values("outpatient_pt.initial_visits") for tier in value.values()]
    limits = {tier["evaluation"] + tier["treatment"] for tier in tiers}
    starts = sorted({1, *(limit + 1 for limit in limits)})
    options = dict(intervals(path, policy.maximum(f"{request_type}.{path}"), *starts).options)
    not_stated: dict[str, Sequence[object]] = {"not stated": (ABSENT, None)}
    if bundles == len(policy.forms):
        least = next(iter(options))
        not_stated = {f"not stated or {least}": (ABSENT, None, *options.pop(least))}
    return (one_field(path, not_stated | options),)
