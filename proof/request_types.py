"""The request classes of the packaged policy, as `therapy_policy.classes.model` describes them.

The oracle, not the policy that is to be proven, gives the signatures of the groups of a request type.
"""

from collections.abc import Hashable, Sequence

from proof import oracle
from therapy_policy.classes import request_types
from therapy_policy.classes.dimensions import Request
from therapy_policy.classes.model import signature
from therapy_policy.policy.bundles import packaged_bundle

WHOLE = {code for code, row in oracle.REASONS.items() if row.whole_request}


def signatures(requests: Sequence[Request]) -> list[Hashable]:
    return [signature(oracle.decide(request), WHOLE) for request in requests]


REQUEST_TYPES = request_types([packaged_bundle().data], signatures)
