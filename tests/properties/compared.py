"""How decisions are compared."""

from __future__ import annotations

import json
from typing import Any

from therapy_policy import Decision


def without_sentences(decision: Decision) -> dict[str, Any]:
    """A decision with what the oracle has, and nothing else."""
    kept: dict[str, Any] = {name: value for name, value in decision.items() if name != "policy_version"}
    kept["reasons"] = [
        {name: value for name, value in reason.items() if name not in ("message", "remedy")}
        for reason in decision["reasons"]
    ]
    return kept


def written(decision: Decision) -> str:
    """A decision byte for byte, whatever the order of its members."""
    return json.dumps(decision, sort_keys=True, ensure_ascii=False)
