"""The classes of outpatient PT referrals."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    ABSENT,
    alike,
    answer,
    member,
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
    events = policy.values("outpatient_pt.acute_events")
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "referral_date"),
        benefit(policy, name),
        member(
            "condition.category",
            alike(policy.choices(f"{name}.condition.category"), lambda one: tuple(one in those for those in lists)),
        ),
        member(
            "condition.acute_event",
            alike(
                policy.choices(f"{name}.condition.acute_event"),
                lambda one: tuple(one in those for those in events),
                unstated="none",
            ),
        ),
        *(answer(f"expected_improvement.{aspect}", quiet=True) for aspect in IMPROVEMENT_ASPECTS),
        member("island", {"not stated": (ABSENT, None)} | islands(policy, name)),
        REQUEST_ID,
        optional=("expected_improvement",),
    )
