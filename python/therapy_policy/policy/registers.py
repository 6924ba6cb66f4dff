"""What the review needs of the registers and parameters of a bundle, and what their words mean, in plain ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import shorten
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

# What the policy says stands in the registers themselves.
KINDS = {
    "rule": ("decided by rule", "The engine decides it from what a request states."),
    "attested": ("attested", "A clinician or clerk states it; the engine takes what they state and does not judge it."),
    "info": ("information", "It is information for people; it asks for nothing that could be decided."),
    "external": ("another document", "It points to another document; what stands there is not part of this policy."),
}
EFFECTS = {
    "invalid": "not judged",
    "scope": "outside the rules",
    "deny": "denies",
    "pend": "pends",
    "info": "informs",
}
APPLIES_TO = {"request": "the whole request", "line": "one service line", "units": "units beyond a limit"}
VISIBLE_IN = {
    "reasons": "Each decision that is based on it gives a reason that cites it.",
    "requests": "It shapes what a request asks for, so it is behind every decision on such a request; no reason cites "
    "it, and nothing counts it.",
    "rules": "It shapes how the rules count and list, so no reason cites it, and nothing counts it.",
}
VERDICTS = ("confirmed", "to_change")

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
NUMBER: Schema = {"type": "integer"}


def applies_to(entry: Mapping[str, Any]) -> str:
    """Return what a reason code applies to, a key of APPLIES_TO: the whole request unless its entry says otherwise."""
    return str(entry.get("applies_to", entry.get("bears_on", "request")))


def problem_of(therapy: Mapping[str, Any], request_types: Iterable[str]) -> str | None:
    """Say what the review cannot read in the document `data.therapy`, by its path; None where it can read all.

    The register of the source and that of the episode may be missing; an earlier policy has none.
    """
    errors = Draft7Validator(_schema(therapy, request_types)).iter_errors(therapy)
    # What is missing as a whole is said before what refers to it.
    first = min(errors, key=lambda error: (len(error.absolute_path), str(error.absolute_path)), default=None)
    return None if first is None else f"{'/'.join(map(str, ['therapy', *first.absolute_path]))}: {_said(first)}"


def _said(error: ValidationError) -> str:
    if error.validator == "enum":
        there: Any = error.validator_value
        values = ", ".join("null" if value is None else str(value) for value in there)
        return f"{error.instance!r} is none of these: {shorten(values, 200, placeholder=' …')}"
    if error.validator == "pattern":
        return f'{error.instance!r} is no date like "2026-03-31", in quotes'
    return shorten(error.message, 200, placeholder=" …")


def _schema(therapy: Mapping[str, Any], request_types: Iterable[str]) -> Schema:
    clause: Schema = {"enum": _names(therapy, "register", "clauses")}
    clauses: Schema = {"type": "array", "items": clause}
    interpretation: Schema = {"enum": [*_names(therapy, "register", "interpretations"), None]}
    step: Schema = {"enum": _names(therapy, "register", "episode", "steps")}
    period = _object({"from": DATE, "value": {"additionalProperties": {"properties": {"clause": clause}}}})
    return {
        "definitions": {
            "parameters": {
                "type": "object",
                "if": {"required": ["periods"]},
                "then": _object(
                    {"title": TEXT, "clauses": clauses, "periods": {"type": "array", "items": period, "minItems": 1}}
                ),
                "else": {"additionalProperties": {"$ref": "#/definitions/parameters"}},
            }
        },
        **_object(
            {
                "parameters": {"$ref": "#/definitions/parameters"},
                "register": _object(
                    {
                        "clauses": _entries({"order": NUMBER, "kind": {"enum": list(KINDS)}, "summary": TEXT}),
                        "reason_codes": _entries(
                            {
                                "order": NUMBER,
                                "effect": {"enum": list(EFFECTS)},
                                "clauses": clauses,
                                "interpretation": interpretation,
                                "message": TEXT,
                                "remedy": {"type": ["string", "null"]},
                            },
                            {"applies_to": {"enum": list(APPLIES_TO)}, "no_remedy_because": TEXT},
                        ),
                        "interpretations": _entries(
                            {
                                "silence": TEXT,
                                "choice": TEXT,
                                "visible_in": {"enum": list(VISIBLE_IN)},
                            },
                            {
                                "review": _object({"reviewer": TEXT, "date": DATE, "verdict": {"enum": list(VERDICTS)}})
                                | {"type": ["object", "null"]}
                            },
                        ),
                    },
                    {
                        "source": _object(
                            {"title": TEXT, "paragraphs": {"type": "array", "items": _object({"clauses": clauses})}}
                        ),
                        "episode": _object(
                            {
                                "steps": _entries({"title": TEXT, "request_type": {"enum": [*request_types, None]}}),
                                "leads_to": {
                                    "type": "array",
                                    "items": _object({"from": step, "to": step, "outcome": TEXT}, {"while": TEXT}),
                                },
                            }
                        ),
                    },
                ),
            }
        ),
    }


def _object(members: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "required": list(members), "properties": members | (optional or {})}


def _entries(members: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "additionalProperties": _object(members, optional)}


def _names(found: Any, *path: str) -> list[str]:
    """The names of the entries at a path; none where there is nothing of the kind."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return list(found) if isinstance(found, Mapping) else []
