"""The classes of requests that the packaged policy can tell apart, as `therapy_policy.classes.model` has them.

What the other groups of a request type can notice of a group is told by the oracle here, not by what is to be proven.
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
