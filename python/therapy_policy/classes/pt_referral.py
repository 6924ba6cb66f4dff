"""The classes of outpatient PT referrals."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    ABSENT,
    answer,
    group_names,
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
        one_field("island", {"not stated": (ABSENT, None)} | islands(policy, name)),
        REQUEST_ID,
        optional=("expected_improvement",),
    )
