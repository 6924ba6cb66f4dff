"""The form of a bundle's registers and parameters that the review needs, and their terms in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import shorten
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

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
APPLIES_TO = {"request": "the whole request", "line": "one service line", "units": "units beyond a limit"}
VISIBLE_IN = {
    "reasons": "Each decision that is based on it gives a reason that cites it.",
    "requests": "It determines which fields a request has, so every decision on such a request depends on it. No "
    "reason cites it, and its uses are not counted.",
    "rules": "It determines how the rules count and list. No reason cites it, and its uses are not counted.",
}

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
NUMBER: Schema = {"type": "integer"}


def applies_to(entry: Mapping[str, Any]) -> str:
    """Return what a reason code applies to, a key of APPLIES_TO: by default, the whole request."""
    return str(entry.get("applies_to", entry.get("bears_on", "request")))


def problem_of(therapy: Mapping[str, Any], request_types: Iterable[str]) -> str | None:
    """Describe the first part of the document `data.therapy` that the review cannot read; None if there is none.

    The registers `source` and `episode` may be missing, because earlier policies have none.
    """
    errors = Draft7Validator(_schema(therapy, request_types)).iter_errors(therapy)
    # Report a missing register before the entries that refer to it.
    first = min(errors, key=lambda error: (len(error.absolute_path), str(error.absolute_path)), default=None)
    return None if first is None else f"{'/'.join(map(str, ['therapy', *first.absolute_path]))}: {_describe(first)}"


def _describe(error: ValidationError) -> str:
    if error.validator == "enum":
        allowed: Any = error.validator_value
        values = ", ".join("null" if value is None else str(value) for value in allowed)
        return f"{error.instance!r} is not one of these: {shorten(values, 200, placeholder=' …')}"
    if error.validator == "pattern":
        return f'{error.instance!r} is not a date in quotes, such as "2026-03-31"'
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
                            }
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


def _object(fields: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "required": list(fields), "properties": fields | (optional or {})}


def _entries(fields: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "additionalProperties": _object(fields, optional)}


def _names(document: Any, *path: str) -> list[str]:
    """The names of the entries at a path; [] if there are none."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return list(document) if isinstance(document, Mapping) else []
