"""The classes of outpatient PT plans of care."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    ABSENT,
    MISSING,
    PRESENT,
    flag,
    parts_of_each,
    text,
    texts,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import REQUEST_ID, benefit, pt_date_and_specialty

PLAN_GOAL_TEXTS = ("statement", "measure", "functional_activity")


def pt_treatment_plan(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pt_treatment_plan"
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "service_date"),
        benefit(policy, name),
        text("plan_of_care.diagnosis"),
        texts("plan_of_care.planned_interventions"),
        text("plan_of_care.frequency"),
        text("plan_of_care.duration"),
        parts_of_each(
            "plan_of_care.goals",
            {
                **dict.fromkeys(PLAN_GOAL_TEXTS, (PRESENT, MISSING)),
                "target_date": ((policy.recent, *policy.every_day), (ABSENT, None)),
            },
        ),
        text("plan_of_care.expected_potential"),
        flag("plan_of_care.patient_caregiver_education", baseline=True),
        REQUEST_ID,
        optional=("plan_of_care",),
    )
