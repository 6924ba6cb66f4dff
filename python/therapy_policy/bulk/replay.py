"""Re-decide every request in a decision log, and report which decisions changed.

A log is either OPA's log, as the sidecar writes it, with requests (free text replaced by tokens) and decisions; or the
output of a batch, whose requests are in the batch's input. The embedded engine decides. Decisions are compared in full,
except for `policy_version`, which identifies the policy and is not part of what it decided.

The report contains only counts, line numbers, and words of the policy: codes, clauses, outcomes, numbers, and paths
made of published field names. The list of requests to reopen also has each `request_id`, which has no room for a name.
A logged value with anything else in their place does not count as a decision.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

from therapy_policy.bulk.batch import CHUNK_BYTES, CHUNK_LINES, decide_lines
from therapy_policy.bulk.decision_log import (
    CUT_OFF,
    DAMAGED,
    MANY,
    MAX_LINE_BYTES,
    ONE,
    REQUEST_ID,
    LogPosition,
    as_decision,
    decision_in,
    is_entry,
    matches,
    may_be_entry,
    parsed,
    why_not_json,
)
from therapy_policy.bulk.log_lines import log_texts
from therapy_policy.client.decision import Client, Decision, Line, Reason
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, request_text
from therapy_policy.errors import FileNotUsable, InputDamaged, RequestNotJson, RequestTooLarge
from therapy_policy.files import display_name, packaged_json, progress_bar, stoppable
from therapy_policy.inputs import Record, open_input
from therapy_policy.policy.bundles import Bundle
from therapy_policy.wording import count_of

# Why a logged decision cannot be compared with a new one.
REFUSED = "refused"
LEFT_OUT = "left_out"
NO_DECISION = "no_decision"
TOO_LARGE = "too_large"
FAILED = "failed"
REASONS_NOT_REPLAYABLE = {
    REFUSED: "rejected as invalid; the log keeps only the request type",
    LEFT_OUT: "logged without the request",
    NO_DECISION: "logged with a result that is not a decision of this policy",
    TOO_LARGE: "on a request that is too large or not JSON",
    CUT_OFF: "missing because an entry is cut off or a part of it is missing (one counted per entry)",
    DAMAGED: "lost because the line is damaged (one counted per line)",
    FAILED: "on a request that the engine fails to decide now",
}

# A kind of difference between two decisions: `what` differs, then its details.
Difference = tuple[tuple[str, str | int | None], ...]


@dataclass
class Occurrences:
    """How often something occurs in the log, and where first."""

    first: LogPosition
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "first": self.first.as_dict()}


@dataclass(frozen=True)
class DifferentDecision:
    """A decision in the log that differs now in more than words: a request to reopen."""

    place: LogPosition
    request_id: str | None
    policy_version: str  # of the policy that made the logged decision
    then: str  # outcome
    now: str  # outcome

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        name = f"request_id {self.request_id}" if self.request_id else "without a request_id"
        return f"{self.place}, {name}: {self.then} by policy {self.policy_version} -> {self.now}"


@dataclass
class ReplayReport:
    """The result of replaying a log."""

    version: str  # of the policy in use now
    each: list[DifferentDecision] | None = None  # those that differ in more than words; None without a list
    lines: int = 0
    entries: int = 0  # lines with decisions
    skipped: int = 0  # other lines
    not_json: int = 0  # other lines that are not JSON
    first_not_json: int | None = None
    identical: int = 0
    different: int = 0
    versions: Counter[str] = field(default_factory=Counter)  # of the policies that made the logged decisions
    not_replayable: dict[str, Occurrences] = field(default_factory=dict)
    differences: dict[Difference, Occurrences] = field(default_factory=dict)

    @property
    def decisions(self) -> int:
        return self.identical + self.different + sum(occurrences.count for occurrences in self.not_replayable.values())

    @property
    def _not_read(self) -> int:
        return sum(self.not_replayable[why].count for why in (CUT_OFF, DAMAGED) if why in self.not_replayable)

    @property
    def incomplete(self) -> str | None:
        """Why the log does not show that nothing changed, even if no decision differs; None if it does."""
        problems = []
        if cut_off := self.not_replayable.get(CUT_OFF):
            problems.append(f"{count_of(cut_off.count, 'entry', 'entries')} cut off (first: {cut_off.first})")
        if damaged := self.not_replayable.get(DAMAGED):
            problems.append(f"{count_of(damaged.count, 'line')} damaged (first: {damaged.first})")
        if problems:
            return (
                f"The log has {' and '.join(problems)}, so decisions are missing from the report. "
                "Get a complete copy of the log, with the files before and after a log rotation."
            )
        if self.identical:
            return None
        return "Nothing in the log can be replayed. Give a log with valid requests."

    def skip(self, number: int, *, not_json: bool) -> None:
        self.skipped += 1
        if not_json:
            self.not_json += 1
            self.first_not_json = self.first_not_json or number

    def cannot_replay(self, why: str, place: LogPosition) -> None:
        self.not_replayable.setdefault(why, Occurrences(place)).count += 1

    def compare(self, place: LogPosition, then: Decision, now: Decision) -> None:
        self.versions[then["policy_version"]] += 1
        differences = differences_between(then, now)
        if differences:
            self.different += 1
            if self.each is not None and any(map(_more_than_words, differences)):
                request_id = then["request_id"] if matches(REQUEST_ID, then["request_id"]) else None
                self.each.append(
                    DifferentDecision(place, request_id, then["policy_version"], then["outcome"], now["outcome"])
                )
        else:
            self.identical += 1
        for difference in differences:
            self.differences.setdefault(difference, Occurrences(place)).count += 1

    def _sorted_differences(self) -> list[tuple[Difference, Occurrences]]:
        return sorted(self.differences.items(), key=lambda each: -each[1].count)

    def as_dict(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "entries": self.entries,
            "skipped": {"count": self.skipped, "not_json": self.not_json, "first_not_json": self.first_not_json},
            "decisions": self.decisions,
            "identical": self.identical,
            "different": self.different,
            "not_replayable": [
                {"why": why} | occurrences.as_dict() for why, occurrences in self.not_replayable.items()
            ],
            "policy_versions": {"then": dict(sorted(self.versions.items())), "now": self.version},
            "differences": [
                dict(difference) | occurrences.as_dict() for difference, occurrences in self._sorted_differences()
            ],
        } | ({} if self.each is None else {"each": [one.as_dict() for one in self.each]})

    def as_lines(self) -> list[str]:
        """The report as text, line by line."""
        then = ", ".join(sorted(self.versions)) or "none, because no decision can be replayed"
        lines = [
            f"{count_of(self.decisions - self._not_read, 'decision')} "
            f"in {count_of(self.entries, 'entry', 'entries')} of the log",
            f"policy then: {then}; now: {self.version}",
        ]
        if self.skipped:
            not_json = (
                f", {self.not_json:,} of them not JSON (first: line {self.first_not_json:,})" if self.not_json else ""
            )
            lines.append(f"{count_of(self.skipped, 'other line')} skipped{not_json}")
        cannot = self.decisions - self.identical - self.different
        lines += [
            "",
            f"{self.identical:>9,}  identical",
            f"{self.different:>9,}  different",
            f"{cannot:>9,}  not replayable",
        ]
        lines += [
            f"{occurrences.count:>13,}  {REASONS_NOT_REPLAYABLE[why]} (first: {occurrences.first})"
            for why, occurrences in self.not_replayable.items()
        ]
        if self.differences:
            lines += ["", "Differences, with the number of decisions:"]
            lines += [
                f"{occurrences.count:>9,}  {_describe(dict(difference))} (first: {occurrences.first})"
                for difference, occurrences in self._sorted_differences()
            ]
        if self.each:
            lines += ["", "Requests to reopen:", *(f"  {one}" for one in self.each)]
        return lines


def replay(log: str, requests: str | None, bundle: Bundle, *, each: bool = False) -> ReplayReport:
    """Replay OPA's log or, if `requests` names the input of a batch, the output of that batch; `-` is standard input.

    With `each`, the report lists every decision that differs in more than words.

    Raises `FileNotUsable`, `Stopped`, `OSError`, or an exception of the engine.
    """
    if log == "-" and requests == "-":
        raise FileNotUsable("Standard input cannot be both the log and the requests. Give one of them as a file.")
    report = ReplayReport(bundle.version, [] if each else None)
    with stoppable(), open_input(log) as opened, bundle.client() as client:
        records = opened.records(MAX_LINE_BYTES)
        with progress_bar(opened.progress_bytes, visible=True) as advance:
            if requests is None:
                _replay(_read_opa_log(records, log, report), client, report, advance)
            else:
                with open_input(requests) as batch_input:
                    asked = batch_input.records(MAX_REQUEST_BYTES)
                    _replay(_read_batch_output(records, asked, log, requests, report), client, report, advance)
    if report.lines == 0:
        raise FileNotUsable(f"{display_name(log)} is empty. Give a log with decisions.")
    if report.entries == 0 and not report.not_replayable:
        raise FileNotUsable(
            f"{display_name(log)} holds no decisions: none of its {count_of(report.lines, 'line')} is an entry of "
            f"OPA's decision log for {', '.join((*ONE, *MANY))}. Give the log of the sidecar."
        )
    return report


@dataclass(frozen=True)
class LoggedDecision:
    """A request, as JSON text, and the decision on it in the log."""

    place: LogPosition
    request: bytes
    then: Decision


def _replay(
    logged: Iterable[tuple[list[LoggedDecision], int]],
    client: Client,
    report: ReplayReport,
    advance: Callable[[int, int], None],
) -> None:
    chunk: list[LoggedDecision] = []
    chunk_bytes = 0
    for of_line, taken in logged:
        chunk += of_line
        chunk_bytes += taken
        if len(chunk) >= CHUNK_LINES or chunk_bytes >= CHUNK_BYTES:
            compare_with_log(chunk, client, report)
            advance(chunk_bytes, report.decisions)
            chunk, chunk_bytes = [], 0
    compare_with_log(chunk, client, report)
    advance(chunk_bytes, report.decisions)


def compare_with_log(chunk: list[LoggedDecision], client: Client, report: ReplayReport) -> None:
    """Decide the requests again, and add the comparisons to the report."""
    decisions = decide_lines(client, [each.request for each in chunk])
    for each, now in zip(chunk, decisions, strict=True):
        if "not_decided" in now:
            report.cannot_replay(FAILED, each.place)
        else:
            report.compare(each.place, each.then, now)


# --- the log


def _read_opa_log(
    records: Iterator[Record], log: str, report: ReplayReport
) -> Iterator[tuple[list[LoggedDecision], int]]:
    """Yield the decisions of each text in OPA's log that can be replayed, and the bytes that it takes."""
    for logged in log_texts(_counted(records, report), MAX_LINE_BYTES):
        place = LogPosition(logged.line, event=logged.element)
        of_text: list[LoggedDecision] = []
        try:
            value = parsed(logged.text)
        except ValueError as problem:
            why = CUT_OFF if logged.incomplete else why_not_json(logged.text, problem)
            if why is None or (logged.incomplete and not may_be_entry(logged.text)):
                report.skip(logged.line, not_json=True)
            else:
                report.cannot_replay(DAMAGED if logged.damaged else why, place)
        else:
            if isinstance(value, dict) and value.keys() == Decision.__required_keys__:
                raise FileNotUsable(
                    f"Line {logged.line:,} of {display_name(log)} is a decision without its request, as batch writes "
                    "it. Also give the input of the batch: --requests IN.jsonl."
                )
            # OPA uploads its log as arrays of entries, which a collector may keep one per line.
            entries = value if isinstance(value, list) else [value]
            if not any(map(is_entry, entries)):
                report.skip(logged.line, not_json=False)
            elif logged.damaged:
                report.cannot_replay(DAMAGED, place)
            else:
                report.entries += sum(map(is_entry, entries))
                for number, entry in enumerate(entries, start=1):
                    if is_entry(entry):
                        in_array = replace(place, event=number) if isinstance(value, list) else place
                        of_text += _read_entry(entry, in_array, report)
        yield of_text, logged.size


def _counted(records: Iterator[Record], report: ReplayReport) -> Iterator[Record]:
    """Count the lines; if the log is cut off or damaged from a point on, count that too, and end there."""
    try:
        for record in records:
            report.lines = record.line
            yield record
    except InputDamaged:
        report.lines += 1
        report.cannot_replay(CUT_OFF, LogPosition(report.lines))


def _read_entry(entry: dict[str, Any], place: LogPosition, report: ReplayReport) -> Iterator[LoggedDecision]:
    result, request_or_batch = entry.get("result"), entry.get("input")
    if entry["path"] in ONE:
        pairs = [(place, request_or_batch, result)]
    elif isinstance(result, list):
        requests = request_or_batch.get("requests") if isinstance(request_or_batch, dict) else None
        if not isinstance(requests, list) or len(requests) != len(result):
            requests = [None] * len(result)
        pairs = [(replace(place, request=n + 1), requests[n], each) for n, each in enumerate(result)]
    else:
        pairs = [(place, None, result)]
    for place, request, answer in pairs:
        then = as_decision(decision_in(answer))
        if then is None:
            report.cannot_replay(NO_DECISION, place)
        elif then["outcome"] == "invalid_request":
            report.cannot_replay(REFUSED, place)
        elif not isinstance(request, dict):  # a request that was evaluated is an object
            report.cannot_replay(LEFT_OUT, place)
        else:
            try:
                yield LoggedDecision(place, request_text(request).text.encode(), then)
            except (RequestNotJson, RequestTooLarge):
                report.cannot_replay(TOO_LARGE, place)


def _read_batch_output(
    logged: Iterator[Record],
    asked: Iterator[Record],
    log: str,
    requests: str,
    report: ReplayReport,
) -> Iterator[tuple[list[LoggedDecision], int]]:
    """Yield the decision of each line of a batch's output, if it can be replayed, and the bytes of the line."""
    for number, (decided, request) in enumerate(zip_longest(logged, asked), start=1):
        if decided is None:
            raise _not_of_this_batch(log, number, "decision", requests, "requests")
        if request is None:
            raise _not_of_this_batch(requests, number, "request", log, "decisions")
        report.lines = number
        of_line: list[LoggedDecision] = []
        try:
            value = parsed(decided.text)
        except ValueError as problem:
            report.cannot_replay(why_not_json(decided.text, problem) or DAMAGED, LogPosition(number))
        else:
            if is_entry(value):
                raise FileNotUsable(
                    f"Line {number:,} of {display_name(log)} is an entry of OPA's log, which contains its own request. "
                    "Leave out --requests."
                )
            report.entries += 1
            if (then := as_decision(value)) is not None:
                of_line = [LoggedDecision(LogPosition(number), request.text, then)]
            else:
                report.cannot_replay(NO_DECISION, LogPosition(number))
        yield of_line, decided.size


def _not_of_this_batch(shorter: str, number: int, what: str, longer: str, more: str) -> FileNotUsable:
    return FileNotUsable(
        f"{display_name(shorter)} has {count_of(number - 1, what)} and {display_name(longer)} has more {more}. "
        "Give --requests the input of the batch, unchanged."
    )


# --- differences


def differences_between(then: Decision, now: Decision) -> list[Difference]:
    """List the differences between two decisions on one request, each kind once; [] if there are none."""
    if _as_text(then) == _as_text(now):
        return []
    differences: dict[Difference, None] = {}

    def differs(what: str, **details: str | int | None) -> None:
        differences[(("what", what), *details.items())] = None

    if then["outcome"] != now["outcome"]:
        differs("outcome", then=then["outcome"], now=now["outcome"])
    for name in ("units", "evaluation_visits", "treatment_visits", "max_units_per_visit"):
        _number_differs(differs, "authorized", then["authorized"], now["authorized"], name)
    _list_differs(
        differs, "procedure_code", then["authorized"]["procedure_codes"], now["authorized"]["procedure_codes"]
    )
    _lines_differ(differs, then["lines"], now["lines"])
    _reasons_differ(differs, then["reasons"], now["reasons"])
    for whole in ("route", "contact", "request_type", "request_id"):
        if then[whole] != now[whole]:
            differs(whole)
    if not differences:  # such as the same reason twice
        differs("form")
    return list(differences)


def _more_than_words(difference: Difference) -> bool:
    """Whether a difference is more than another text for people."""
    details = dict(difference)
    fields = str(details.get("fields", "")).split(", ")
    in_texts = details["what"] == "reason_changed" and {*fields} <= {"message", "remedy"}
    return not in_texts and details["what"] != "contact"


def _as_text(decision: Decision) -> str:
    return json.dumps({**decision, "policy_version": None}, sort_keys=True)


def _number_differs(differs: Callable[..., None], what: str, then: Any, now: Any, name: str) -> None:
    # Anything else in the log is not reported.
    was, is_now = (each[name] if type(each[name]) is int else None for each in (then, now))
    if was != is_now:
        differs(what, field=name, then=was, now=is_now)


def _list_differs(differs: Callable[..., None], what: str, then: list[str], now: list[str]) -> None:
    for code in then:
        if code not in now:
            differs(f"{what}_removed", code=code)
    for code in now:
        if code not in then:
            differs(f"{what}_added", code=code)


def _lines_differ(differs: Callable[..., None], then: list[Line], now: list[Line]) -> None:
    if len(then) != len(now):
        differs("number_of_lines")
        return
    for was, is_now in zip(then, now, strict=True):
        if was["status"] != is_now["status"]:
            differs("line", field="status", then=was["status"], now=is_now["status"])
        for name in ("line", "units_requested", "units_authorized"):
            _number_differs(differs, "line", was, is_now, name)
        if was["procedure_code"] != is_now["procedure_code"]:
            differs("line", field="procedure_code")
        _list_differs(differs, "line_reason", was["reasons"], is_now["reasons"])


def _reasons_differ(differs: Callable[..., None], then: list[Reason], now: list[Reason]) -> None:
    # Each combination of code, path and clauses occurs once.
    was = {(reason["code"], reason["path"], *reason["clauses"]): reason for reason in then}
    is_now = {(reason["code"], reason["path"], *reason["clauses"]): reason for reason in now}
    for key, reason in was.items():
        if key not in is_now:
            differs("reason_removed", **_identify(reason))
    for key, reason in is_now.items():
        if key not in was:
            differs("reason_added", **_identify(reason))
        elif changed := [
            name for name in ("effect", "interpretation", "message", "remedy") if was[key][name] != reason[name]
        ]:
            differs("reason_changed", **_identify(reason), fields=", ".join(changed))
    if [key for key in was if key in is_now] != [key for key in is_now if key in was]:
        differs("order_of_reasons")


def _identify(reason: Reason) -> dict[str, str]:
    return {"code": reason["code"], "clauses": ", ".join(reason["clauses"]), "path": _known_path(reason["path"])}


_field_names: dict[str, bool] = packaged_json("data.json")["therapy"]["request"]["fields"]


def _known_path(path: str) -> str:
    """A path with `*` for each element of a list and for each name that is not a published field."""
    first, *steps = path.split("/")
    return "/".join(["*" if first else "", *(step if step in _field_names else "*" for step in steps)])


def _describe(difference: dict[str, Any]) -> str:
    """A difference in words."""
    what = difference["what"].replace("_", " ")
    if "path" in difference:
        clauses = f" ({difference['clauses']})" if difference["clauses"] else ""
        fields = f": different {difference['fields']}" if "fields" in difference else ""
        return f"{what}: {difference['code']}{clauses} at {difference['path'] or 'the whole request'}{fields}"
    if "code" in difference:
        return f"{what}: {difference['code']}"
    if "field" in difference:
        what = f"{what} {difference['field'].replace('_', ' ')}"
    if "then" in difference:
        then, now = (
            "not a whole number" if value is None else value for value in (difference["then"], difference["now"])
        )
        return f"{what}: {then} -> {now}"
    return f"{what}: different"
