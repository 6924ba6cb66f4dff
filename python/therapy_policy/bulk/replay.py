"""Decide again what a log says was decided, and say what came out otherwise.

A log is either OPA's, as the sidecar writes it (its entries hold requests, with tokens in the place of free texts, and
decisions), or the output of a batch, whose requests stand in the file that the batch read. The engine is the embedded
one. All of a decision is compared but `policy_version`, which says which policy decided and not what it decided.

What is reported is counts, numbers of lines, and words of the policy: codes, clauses, outcomes, numbers, and paths
whose steps are members of the published form. A logged decision that has anything else in the place of one of these is
not taken for a decision.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NoReturn, cast, get_args

from therapy_policy.bulk.batch import CHUNK_BYTES, CHUNK_LINES, decide_lines
from therapy_policy.client.decision import Authorized, Client, Decision, Line, Outcome, Reason
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, request_text
from therapy_policy.errors import FileNotUsable, RequestNotJson, RequestTooLarge
from therapy_policy.files import display_name, lines_of, open_input, packaged_json, progress_bar, stoppable
from therapy_policy.policy.bundles import ENTRY_POINTS, Bundle
from therapy_policy.wording import count_of

MAX_LINE_BYTES = 64 << 20  # a batch of the largest size that is wrong in every place is answered with some 25 MB

ONE, MANY = ENTRY_POINTS

# Why a decision cannot be held against another.
REFUSED = "refused"
LEFT_OUT = "left_out"
NO_DECISION = "no_decision"
TOO_LARGE = "too_large"
DAMAGED = "damaged"
WHY = {
    REFUSED: "refused, of which the log keeps the request type alone",
    LEFT_OUT: "of which the log does not hold the request",
    NO_DECISION: "logged with something that is no decision of this policy",
    TOO_LARGE: "of a request that no engine takes, for it is too large or no JSON",
    DAMAGED: "lost on lines that are cut off or damaged, one counted for each",
}

# What differs: `what` first, then what tells one kind from another.
Kind = tuple[tuple[str, str | int | None], ...]


@dataclass(frozen=True)
class Place:
    """Where a decision stands in the log: the line, and which one of a batch of that line; both are counted from 1."""

    line: int
    request: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        return {"line": self.line, "request": self.request}

    def __str__(self) -> str:
        return f"line {self.line:,}" + (f", request {self.request:,}" if self.request else "")


@dataclass
class Found:
    """How often something was found, and where first."""

    first: Place
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "first": self.first.as_dict()}


@dataclass
class Report:
    """What came of replaying a log."""

    version: str  # of the policy that decides now
    lines: int = 0
    entries: int = 0  # lines that hold decisions
    skipped: int = 0  # other lines
    no_json: int = 0  # those of them that are no JSON
    first_no_json: int | None = None
    identical: int = 0
    different: int = 0
    versions: Counter[str] = field(default_factory=Counter)  # of the policy that decided then
    not_replayable: dict[str, Found] = field(default_factory=dict)
    differences: dict[Kind, Found] = field(default_factory=dict)

    @property
    def decisions(self) -> int:
        return self.identical + self.different + sum(found.count for found in self.not_replayable.values())

    @property
    def _damaged(self) -> int:
        damaged = self.not_replayable.get(DAMAGED)
        return damaged.count if damaged else 0

    @property
    def incomplete(self) -> str | None:
        """Why it would be wrong to say that nothing differs, though nothing was found to."""
        if damaged := self.not_replayable.get(DAMAGED):
            return (
                f"{count_of(damaged.count, 'line')} of the log cannot be read (first: {damaged.first}), "
                "so what they held is not replayed; get the log anew, whole"
            )
        return None if self.identical else "nothing in the log can be replayed; give one with requests that were judged"

    def skip(self, number: int, *, no_json: bool) -> None:
        self.skipped += 1
        if no_json:
            self.no_json += 1
            self.first_no_json = self.first_no_json or number

    def cannot_replay(self, why: str, place: Place) -> None:
        self.not_replayable.setdefault(why, Found(place)).count += 1

    def compare(self, place: Place, then: Decision, now: Decision) -> None:
        self.versions[then["policy_version"]] += 1
        found = differences(then, now)
        if found:
            self.different += 1
        else:
            self.identical += 1
        for kind in found:
            self.differences.setdefault(kind, Found(place)).count += 1

    def _sorted_differences(self) -> list[tuple[Kind, Found]]:
        return sorted(self.differences.items(), key=lambda each: -each[1].count)

    def as_dict(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "entries": self.entries,
            "skipped": {"count": self.skipped, "no_json": self.no_json, "first_no_json": self.first_no_json},
            "decisions": self.decisions,
            "identical": self.identical,
            "different": self.different,
            "not_replayable": [{"why": why} | found.as_dict() for why, found in self.not_replayable.items()],
            "policy_versions": {"then": dict(sorted(self.versions.items())), "now": self.version},
            "differences": [dict(kind) | found.as_dict() for kind, found in self._sorted_differences()],
        }

    def as_lines(self) -> list[str]:
        """The report for a person."""
        then = ", ".join(sorted(self.versions)) or "none that can be replayed"
        written = [
            f"{count_of(self.decisions - self._damaged, 'decision')} "
            f"in {count_of(self.entries, 'entry', 'entries')} of the log",
            f"policy then: {then}; now: {self.version}",
        ]
        if self.skipped:
            no_json = f", {self.no_json:,} of them no JSON (first: line {self.first_no_json:,})" if self.no_json else ""
            written.append(f"{count_of(self.skipped, 'other line')} skipped{no_json}")
        cannot = self.decisions - self.identical - self.different
        written += [
            "",
            f"{self.identical:>9,}  identical",
            f"{self.different:>9,}  different",
            f"{cannot:>9,}  not replayable",
        ]
        written += [
            f"{found.count:>13,}  {WHY[why]} (first: {found.first})" for why, found in self.not_replayable.items()
        ]
        if self.differences:
            written += ["", "What differs, and in how many decisions:"]
            written += [
                f"{found.count:>9,}  {_said(dict(kind))} (first: {found.first})"
                for kind, found in self._sorted_differences()
            ]
        return written


def replay(log: str, requests: str | None, bundle: Bundle) -> Report:
    """Replay a log, either of OPA or, with the name of the file of its `requests`, of a batch; `-` is standard input.

    Raises FileNotUsable, Stopped, OSError, or what the engine raises.
    """
    if log == "-" and requests == "-":
        raise FileNotUsable("standard input cannot be both the log and the requests; give one of them as a file")
    report = Report(bundle.version)
    with open_input(log) as stream, stoppable(), bundle.client() as client:
        about = os.fstat(stream.fileno())
        size = about.st_size if stat.S_ISREG(about.st_mode) else None
        lines = lines_of(stream, MAX_LINE_BYTES)
        with progress_bar(size, visible=True) as tell:
            if requests is None:
                _replay(_of_opa(lines, log, report), client, report, tell)
            else:
                with open_input(requests) as asked:
                    _replay(
                        _of_batch(lines, lines_of(asked, MAX_REQUEST_BYTES), log, requests, report),
                        client,
                        report,
                        tell,
                    )
    if report.lines == 0:
        raise FileNotUsable(f"{display_name(log)} is empty; give a log with decisions in it")
    if report.entries == 0 and not report.not_replayable:
        raise FileNotUsable(
            f"{display_name(log)} holds no decision: none of its {count_of(report.lines, 'line')} is an entry of OPA's "
            f"decision log for {ONE} or {MANY}"
        )
    return report


@dataclass(frozen=True)
class Logged:
    """A request, as JSON text, and what was decided on it then."""

    place: Place
    request: bytes
    then: Decision


def _replay(
    logged: Iterable[tuple[list[Logged], int]], client: Client, report: Report, tell: Callable[[int, int], None]
) -> None:
    chunk: list[Logged] = []
    chunk_bytes = 0
    for of_line, taken in logged:
        chunk += of_line
        chunk_bytes += taken
        if len(chunk) >= CHUNK_LINES or chunk_bytes >= CHUNK_BYTES:
            _compare(chunk, client, report)
            tell(chunk_bytes, report.decisions)
            chunk, chunk_bytes = [], 0
    _compare(chunk, client, report)
    tell(chunk_bytes, report.decisions)


def _compare(chunk: list[Logged], client: Client, report: Report) -> None:
    decisions = decide_lines(client, [each.request for each in chunk])
    for each, now in zip(chunk, decisions, strict=True):
        report.compare(each.place, each.then, now)


# --- What a log holds


def _of_opa(lines: Iterator[tuple[bytes, int]], log: str, report: Report) -> Iterator[tuple[list[Logged], int]]:
    """Yield what can be replayed of each line of OPA's log, and the bytes of the line."""
    for number, (line, taken) in enumerate(lines, start=1):
        report.lines = number
        of_line: list[Logged] = []
        try:
            entry = _parsed(line)
        except ValueError:
            # An entry is cut off at its end, or where a log was rotated away under it, at its start.
            if line.lstrip().startswith(b"{") or line.rstrip().endswith(b"}"):
                report.cannot_replay(DAMAGED, Place(number))
            else:
                report.skip(number, no_json=True)
        else:
            if isinstance(entry, dict) and entry.keys() == Decision.__required_keys__:
                raise FileNotUsable(
                    f"line {number:,} of {display_name(log)} is a decision without its request, as batch writes it; "
                    "name the file that the batch read, too: --requests IN.jsonl"
                )
            if _is_entry(entry):
                report.entries += 1
                of_line = list(_of_entry(entry, number, report))
            else:
                report.skip(number, no_json=False)
        yield of_line, taken


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and "decision_id" in value and value.get("path") in ENTRY_POINTS


def _of_entry(entry: dict[str, Any], number: int, report: Report) -> Iterator[Logged]:
    result, asked = entry.get("result"), entry.get("input")
    if entry["path"] == ONE:
        pairs = [(Place(number), asked, result)]
    elif isinstance(result, list):
        requests = asked.get("requests") if isinstance(asked, dict) else None
        if not isinstance(requests, list) or len(requests) != len(result):
            requests = [None] * len(result)
        pairs = [(Place(number, n + 1), requests[n], each) for n, each in enumerate(result)]
    else:
        pairs = [(Place(number), None, result)]
    for place, request, answer in pairs:
        then = _as_decision(answer)
        if then is None:
            report.cannot_replay(NO_DECISION, place)
        elif then["outcome"] == "invalid_request":
            report.cannot_replay(REFUSED, place)
        elif not isinstance(request, dict):  # what was judged is an object
            report.cannot_replay(LEFT_OUT, place)
        else:
            try:
                yield Logged(place, request_text(request).encode(), then)
            except (RequestNotJson, RequestTooLarge):
                report.cannot_replay(TOO_LARGE, place)


def _of_batch(
    lines: Iterator[tuple[bytes, int]], asked: Iterator[tuple[bytes, int]], log: str, requests: str, report: Report
) -> Iterator[tuple[list[Logged], int]]:
    """Yield what can be replayed of each line of the output of a batch, and the bytes of the line."""
    for number, (line_and_bytes, request_and_bytes) in enumerate(zip_longest(lines, asked), start=1):
        if line_and_bytes is None or request_and_bytes is None:
            shorter, longer = (log, requests) if line_and_bytes is None else (requests, log)
            raise FileNotUsable(
                f"{display_name(shorter)} has {count_of(number - 1, 'line')} and {display_name(longer)} has more; "
                "--requests must be the very file that the batch read, to its end"
            )
        line, taken = line_and_bytes
        report.lines = number
        of_line: list[Logged] = []
        try:
            value = _parsed(line)
        except ValueError:
            report.cannot_replay(DAMAGED, Place(number))
        else:
            if _is_entry(value):
                raise FileNotUsable(
                    f"line {number:,} of {display_name(log)} is an entry of OPA's log, which holds its own request; "
                    "leave out --requests"
                )
            report.entries += 1
            if (then := _as_decision(value)) is not None:
                of_line = [Logged(Place(number), request_and_bytes[0], then)]
            else:
                report.cannot_replay(NO_DECISION, Place(number))
        yield of_line, taken


def _parsed(line: bytes) -> Any:
    """Parse a line as JSON; raises ValueError, also where it is longer or deeper than any that OPA writes."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("too long")
    try:
        return json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("too deep") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_OUTCOMES = get_args(Outcome)
_STATUSES = ("authorized", "partially_authorized", "denied", "pended")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_CLAUSE = re.compile(r"[A-Z]{1,8}-[0-9]{1,3}")
_PROCEDURE_CODE = re.compile(r"[0-9A-Z]{5}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,40}")


def _as_decision(value: Any) -> Decision | None:
    """Return a logged decision if whatever of it may be reported has the form that it must have."""
    if not (
        _has_members(value, Decision)
        and value["outcome"] in _OUTCOMES
        and _matches(_VERSION, value["policy_version"])
        and _has_members(value["authorized"], Authorized)
        and _all_match(_PROCEDURE_CODE, value["authorized"]["procedure_codes"])
        and isinstance(value["lines"], list)
        and isinstance(value["reasons"], list)
    ):
        return None
    for line in value["lines"]:
        if not (_has_members(line, Line) and line["status"] in _STATUSES and _all_match(_CODE, line["reasons"])):
            return None
    for reason in value["reasons"]:
        if not (
            _has_members(reason, Reason)
            and _matches(_CODE, reason["code"])
            and _all_match(_CLAUSE, reason["clauses"])
            and isinstance(reason["path"], str)
        ):
            return None
    return cast(Decision, value)


def _has_members(value: Any, form: Any) -> bool:
    return isinstance(value, dict) and value.keys() == form.__required_keys__


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _all_match(pattern: re.Pattern[str], values: Any) -> bool:
    return isinstance(values, list) and all(_matches(pattern, value) for value in values)


# --- What differs


def differences(then: Decision, now: Decision) -> list[Kind]:
    """Say in what two decisions on one request differ, each kind of difference once; [] where they are the same."""
    if _written(then) == _written(now):
        return []
    found: dict[Kind, None] = {}

    def differs(what: str, **details: str | int | None) -> None:
        found[(("what", what), *details.items())] = None

    if then["outcome"] != now["outcome"]:
        differs("outcome", then=then["outcome"], now=now["outcome"])
    for member in ("units", "evaluation_visits", "treatment_visits", "max_units_per_visit"):
        _number_differs(differs, "authorized", then["authorized"], now["authorized"], member)
    _list_differs(
        differs, "procedure_code", then["authorized"]["procedure_codes"], now["authorized"]["procedure_codes"]
    )
    _lines_differ(differs, then["lines"], now["lines"])
    _reasons_differ(differs, then["reasons"], now["reasons"])
    for whole in ("route", "contact", "request_type", "request_id"):
        if then[whole] != now[whole]:
            differs(whole)
    if not found:  # such as the same reason twice
        differs("form")
    return list(found)


def _written(decision: Decision) -> str:
    return json.dumps({**decision, "policy_version": None}, sort_keys=True)


def _number_differs(differs: Callable[..., None], what: str, then: Any, now: Any, member: str) -> None:
    # Whatever else stands there in the log is not shown.
    was, is_now = (each[member] if type(each[member]) is int else None for each in (then, now))
    if was != is_now:
        differs(what, member=member, then=was, now=is_now)


def _list_differs(differs: Callable[..., None], what: str, then: list[str], now: list[str]) -> None:
    for code in then:
        if code not in now:
            differs(f"{what}_went", code=code)
    for code in now:
        if code not in then:
            differs(f"{what}_came", code=code)


def _lines_differ(differs: Callable[..., None], then: list[Line], now: list[Line]) -> None:
    if len(then) != len(now):
        differs("number_of_lines")
        return
    for was, is_now in zip(then, now, strict=True):
        if was["status"] != is_now["status"]:
            differs("line", member="status", then=was["status"], now=is_now["status"])
        for member in ("line", "units_requested", "units_authorized"):
            _number_differs(differs, "line", was, is_now, member)
        if was["procedure_code"] != is_now["procedure_code"]:
            differs("line", member="procedure_code")
        _list_differs(differs, "line_reason", was["reasons"], is_now["reasons"])


def _reasons_differ(differs: Callable[..., None], then: list[Reason], now: list[Reason]) -> None:
    # A code, path and clause stand once.
    was = {(reason["code"], reason["path"], *reason["clauses"]): reason for reason in then}
    is_now = {(reason["code"], reason["path"], *reason["clauses"]): reason for reason in now}
    for key, reason in was.items():
        if key not in is_now:
            differs("reason_went", **_named(reason))
    for key, reason in is_now.items():
        if key not in was:
            differs("reason_came", **_named(reason))
        elif changed := [
            member for member in ("effect", "interpretation", "message", "remedy") if was[key][member] != reason[member]
        ]:
            differs("reason_changed", **_named(reason), members=", ".join(changed))
    if [key for key in was if key in is_now] != [key for key in is_now if key in was]:
        differs("order_of_reasons")


def _named(reason: Reason) -> dict[str, str]:
    return {"code": reason["code"], "clauses": ", ".join(reason["clauses"]), "path": _known_path(reason["path"])}


_fields: dict[str, bool] = packaged_json("data.json")["therapy"]["request"]["fields"]


def _known_path(path: str) -> str:
    """A path with `*` for each element of a list, and for whatever is no member of the published form."""
    first, *steps = path.split("/")
    return "/".join(["*" if first else "", *(step if step in _fields else "*" for step in steps)])


def _said(kind: dict[str, Any]) -> str:
    """A difference in words."""
    what = kind["what"].replace("_", " ")
    if "path" in kind:
        clauses = f" ({kind['clauses']})" if kind["clauses"] else ""
        members = f": another {kind['members']}" if "members" in kind else ""
        return f"{what}: {kind['code']}{clauses} at {kind['path'] or 'the whole request'}{members}"
    if "code" in kind:
        return f"{what}: {kind['code']}"
    if "member" in kind:
        what = f"{what} {kind['member'].replace('_', ' ')}"
    if "then" in kind:
        then, now = ("no whole number" if value is None else value for value in (kind["then"], kind["now"]))
        return f"{what}: {then} -> {now}"
    return f"{what}: another"
