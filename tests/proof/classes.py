"""The classes of requests that the packaged policy can tell apart, as `therapy_policy.classes` has them.

What the other groups of a request type can notice of a group is told by the oracle here, not by what is to be proven.
"""

from collections.abc import Hashable, Sequence

import oracle
from therapy_policy.bundles import packaged
from therapy_policy.classes import request_types, signature
from therapy_policy.dimensions import Request

WHOLE = {code for code, row in oracle.REASONS.items() if row.whole_request}


def signatures(requests: Sequence[Request]) -> list[Hashable]:
    return [signature(oracle.decide(request), WHOLE) for request in requests]


REQUEST_TYPES = request_types([packaged().data], signatures)
