"""How decisions are compared."""

from __future__ import annotations

import json

from therapy_policy import Decision


def written(decision: Decision) -> str:
    """A decision byte for byte, whatever the order of its members."""
    return json.dumps(decision, sort_keys=True, ensure_ascii=False)
