"""The classes of outpatient PT continuation reviews."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    answer,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import CRITERIA, REQUEST_ID, benefit, pt_date_and_specialty


def pt_continuation(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "pt_continuation"
    return product(
        name,
        signatures,
        *pt_date_and_specialty(policy, name, "review_date"),
        benefit(policy, name),
        *(answer(f"discontinuation.{criterion}", baseline=False) for criterion in CRITERIA),
        answer("discontinuation.meets_continuation_criteria", baseline=True),
        REQUEST_ID,
        always=("discontinuation",),
    )
