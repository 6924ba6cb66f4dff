"""The terms of the registers in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The registers contain the policy's own texts; these are the words for their terms.
KINDS = {
    "rule": ("decided by rule", "The engine decides it from the fields of a request."),
    "attested": (
        "attested",
        "A clinician or clerk states it in the request; the engine relies on that and does not evaluate it.",
    ),
    "info": ("information", "It is information for people and requires no decision."),
    "external": ("another document", "It refers to another document, which is not part of this policy."),
}
EFFECTS = {
    "invalid": "not evaluated",
    "scope": "outside the rules",
    "deny": "denies",
    "pend": "pends",
    "info": "informs",
}
APPLIES_TO = {
    "request": "the whole request",
    "line": "one service line",
    "units": "units beyond a limit",
    "visits": "visits beyond a limit",
}
VISIBLE_IN = {
    "reasons": "Each decision that is based on it gives a reason that cites it.",
    "requests": "It determines which fields a request has, so every decision on such a request depends on it. No "
    "reason cites it, and its uses are not counted.",
    "rules": "It determines how the rules count and list. No reason cites it, and its uses are not counted.",
}


def applies_to(entry: Mapping[str, Any]) -> str:
    """Return what a reason code applies to, a key of APPLIES_TO: by default, the whole request."""
    return str(entry.get("applies_to", entry.get("bears_on", "request")))
