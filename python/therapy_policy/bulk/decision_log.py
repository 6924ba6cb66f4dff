"""What every reader of a decision log needs: which texts are entries, and which values are decisions of this policy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn, cast, get_args

from therapy_policy import nesting
from therapy_policy.client.decision import Authorized, Decision, Line, Outcome, Reason

# The paths of the entries: one request, and a batch.
ONE = ("therapy/decision", "therapy/answer")
MANY = ("therapy/decisions", "therapy/answers")

MAX_LINE_BYTES = 64 << 20  # the largest batch, with an error in every field, gets an answer of about 25 MB

# Why an entry cannot be read.
CUT_OFF = "cut_off"
DAMAGED = "damaged"


@dataclass(frozen=True)
class LogPosition:
    """The position of a decision in the log, counted from 1: its line; in an array, its event; in a batch, its request.

    The line is the first one, if the platform split the entry.
    """

    line: int
    request: int | None = None
    event: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        return {"line": self.line, "request": self.request} | ({"event": self.event} if self.event else {})

    def __str__(self) -> str:
        event = f", event {self.event:,}" if self.event else ""
        return f"line {self.line:,}{event}" + (f", request {self.request:,}" if self.request else "")


def is_entry(value: object) -> bool:
    return isinstance(value, dict) and "decision_id" in value and value.get("path") in (*ONE, *MANY)


def decision_in(result: object) -> object:
    """Return the decision in a logged result: the result itself or, of an answer, what is beside it."""
    return result["decision"] if isinstance(result, dict) and result.keys() == {"decision", "answer"} else result


def may_be_entry(text: bytes) -> bool:
    # An entry is cut off at its end or, after log rotation, at its start.
    return text.lstrip().startswith(b"{") or text.rstrip().endswith(b"}")


def why_not_json(text: bytes, problem: ValueError) -> str | None:
    """Return why a text is not an entry: cut off or damaged; None if nothing suggests that it was one."""
    if not may_be_entry(text):
        return None
    if len(text) > MAX_LINE_BYTES:
        return DAMAGED
    whole = text.strip().startswith(b"{") and text.strip().endswith(b"}")
    ends_early = isinstance(problem, json.JSONDecodeError) and (
        problem.pos >= len(problem.doc.rstrip()) or problem.msg.startswith("Unterminated string")
    )
    return DAMAGED if whole and not ends_early else CUT_OFF


def parsed(line: bytes) -> Any:
    """Parse a line as JSON; raise `ValueError` if it is not JSON, or is longer or deeper than OPA writes."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("too long")
    return nesting.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_OUTCOMES = get_args(Outcome)
_STATUSES = ("authorized", "partially_authorized", "denied", "pended")
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_CLAUSE = re.compile(r"[A-Z]{1,8}-[0-9]{1,3}")
_PROCEDURE_CODE = re.compile(r"[0-9A-Z]{5}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,40}")


def as_decision(value: Any) -> Decision | None:
    """Return a logged value as a decision, if every part that may be reported has the right form; else None."""
    if not (
        _has_fields(value, Decision)
        and value["outcome"] in _OUTCOMES
        and matches(_VERSION, value["policy_version"])
        and _has_fields(value["authorized"], Authorized)
        and _all_match(_PROCEDURE_CODE, value["authorized"]["procedure_codes"])
        and isinstance(value["lines"], list)
        and isinstance(value["reasons"], list)
    ):
        return None
    for line in value["lines"]:
        if not (_has_fields(line, Line) and line["status"] in _STATUSES and _all_match(_CODE, line["reasons"])):
            return None
    for reason in value["reasons"]:
        if not (
            _has_fields(reason, Reason)
            and matches(_CODE, reason["code"])
            and _all_match(_CLAUSE, reason["clauses"])
            and isinstance(reason["path"], str)
        ):
            return None
    return cast(Decision, value)


def _has_fields(value: Any, form: Any) -> bool:
    return isinstance(value, dict) and value.keys() == form.__required_keys__


def matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _all_match(pattern: re.Pattern[str], values: Any) -> bool:
    return isinstance(values, list) and all(matches(pattern, value) for value in values)
