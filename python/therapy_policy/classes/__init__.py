"""A model of what the rules read: the classes of valid requests that they can distinguish, one file per type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from therapy_policy.classes.model import RequestType, Signatures
from therapy_policy.classes.pediatric_ot_claim import pediatric_ot_claim
from therapy_policy.classes.policy_values import PolicyValues
from therapy_policy.classes.pt_continuation import pt_continuation
from therapy_policy.classes.pt_extension import pt_extension
from therapy_policy.classes.pt_referral import pt_referral
from therapy_policy.classes.pt_treatment_plan import pt_treatment_plan
from therapy_policy.classes.pt_visit import pt_visit
from therapy_policy.classes.referral_route import referral_route

REQUEST_TYPES: dict[str, Callable[[PolicyValues, Signatures], RequestType]] = {
    make.__name__: make
    for make in (
        pediatric_ot_claim,
        pt_referral,
        pt_treatment_plan,
        pt_visit,
        pt_extension,
        pt_continuation,
        referral_route,
    )
}


def request_types(
    bundles: Sequence[Mapping[str, Any]], signatures: Signatures, more_starts: Collection[str] = ()
) -> dict[str, RequestType]:
    """The request types by name; the numbers, dates and lists of the bundles distinguish no two requests of a class.

    `bundles` is the data of each bundle. `signatures` returns the `signature` of each request's decision. Dates before
    and after one of `more_starts` (YYYY-MM-DD) are in different classes too.
    """
    policy = PolicyValues(bundles, more_starts)
    return {name: make(policy, signatures) for name, make in REQUEST_TYPES.items()}
