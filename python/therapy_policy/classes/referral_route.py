"""The classes of referral routes."""

from __future__ import annotations

from therapy_policy.classes.dimensions import (
    one_field,
)
from therapy_policy.classes.model import RequestType, Signatures, product
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.shared import REQUEST_ID, islands


def referral_route(policy: PolicyValues, signatures: Signatures) -> RequestType:
    name = "referral_route"
    return product(name, signatures, one_field("island", islands(policy, name)), REQUEST_ID)
