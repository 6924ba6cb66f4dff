"""The yearly measures of prior authorization that CMS-0057-F asks payers to publish, and when an answer is due.

A decision log has what the policy decided. What it does not have comes from the plan's own list of the requests that it
received: when each came in, when it was answered, whether it was expedited, and what else happened to it. The list is
what is counted. A figure is printed only if the list and the log have all data for it, and is named if they do not:
nothing is estimated.

Most measures are those of CMS' report of Medicaid managed care programs (MCPAR, D1.XIII.3 to 15). Of standard requests,
approved means approved in full, and a request that was denied in part counts as denied. The form does not say whether
that is so for expedited requests; here it is. Three measures are not in the form: the requests that were not answered,
those that were denied in part, and those that were answered when due.
https://github.com/Enterprise-CMCS/macpro-mdct-mcr,
services/app-api/forms/routes/mcpar/plan-level-indicators/prior-authorization.ts

Nobody sends a denial for a reason that is not administrative before a person has confirmed it. So such a denial in the
log is not an answer, as a pend is not one; the answer is the one in the list.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import fmean, median
from typing import Any, Literal

from therapy_policy import nesting
from therapy_policy.bulk.decision_log import (
    MAX_LINE_BYTES,
    REQUEST_ID,
    as_decision,
    decision_in,
    is_entry,
    matches,
    parsed,
    why_not_json,
)
from therapy_policy.bulk.log_lines import log_texts
from therapy_policy.client.decision import Decision
from therapy_policy.errors import FileNotUsable, InputDamaged
from therapy_policy.files import display_name, packaged_json, progress_bar, stoppable
from therapy_policy.inputs import Input, Record, open_input
from therapy_policy.interop.fhir import QUESTION
from therapy_policy.wording import count_of

# CMS-0057-F (89 FR 8758), since 2026-01-01; it does not limit the time of health plans on the federal exchanges.
# https://www.cms.gov/priorities/burden-reduction/overview/interoperability/frequently-asked-questions/prior-authorization-api
# Of the two ways to count seven calendar days, this is the one that ends first.
STANDARD = timedelta(days=7)
EXPEDITED = timedelta(hours=72)

Answer = Literal["approved", "partially_approved", "denied", "not_answered"]
ANSWERS: tuple[Answer, ...] = ("approved", "partially_approved", "denied", "not_answered")
OF_OUTCOME: dict[str, Answer] = {
    "authorized": "approved",
    "partially_authorized": "partially_approved",
    "denied": "denied",
}
INVALID_REQUEST = "invalid_request"
DENIALS = ("denied", "partially_authorized")
HELD = "held"  # in place of the outcome of a denial that is not an answer
UNKNOWN_TYPE = "unknown type"
OF_SERVICE = {"received_at", "type", "status", "milliseconds"}  # of each line of `serve-fhir`
SECONDS = {"days": 86_400, "hours": 3_600}
MAX_ROW_BYTES = 1 << 16
YEARS = range(1900, 2100)
NOT_IN_A_LOG = "the list of items and services that require prior authorization, which the plan publishes itself"


def due_at(received_at: datetime, *, expedited: bool) -> datetime:
    """Return when the answer to a request is due: 72 hours after it was received if it is expedited, else 7 days.

    `received_at` needs a time zone, which the result has too. A request for more information does not stop the clock.

    Raises `ValueError` if `received_at` has no time zone.
    """
    if received_at.utcoffset() is None:
        raise ValueError("received_at has no time zone")
    # In UTC, because Python adds to what a clock shows, which jumps where daylight saving time starts and ends.
    due = received_at.astimezone(UTC) + (EXPEDITED if expedited else STANDARD)
    return due.astimezone(received_at.tzinfo)


# --- what the plan knows


@dataclass
class ListedRequest:
    """A request that the plan received, at `line` of its list; None is what the list does not state."""

    line: int
    received_at: datetime | None = None
    answered_at: datetime | None = None
    expedited: bool | None = None
    answer: Answer | None = None  # the first one
    extended: bool | None = None
    approved_after_appeal: bool | None = None
    from_log: bool = False  # whether only the log can have the answer
    outcome: str | None = None  # in the log, of a request whose answer the list does not state

    @property
    def duration(self) -> timedelta | None:
        return self.answered_at - self.received_at if self.received_at and self.answered_at else None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() is None or instant.year not in YEARS:
        raise ValueError
    return instant


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _as_answer(text: str) -> Answer:
    return next(each for each in ANSWERS if each == text)


_INSTANT = "a date and time from 1900 to 2099 with its time zone, such as "
# How each column is read, and what may be in it. Other columns are ignored.
COLUMNS: dict[str, tuple[Callable[[str], Any], str]] = {
    "received_at": (_instant, f"{_INSTANT}2026-03-02T08:15:00-10:00"),
    "answered_at": (_instant, f"{_INSTANT}2026-03-05T14:00:00-10:00"),
    "expedited": (_flag, "true or false"),
    "answer": (_as_answer, "approved, partially_approved, denied or not_answered"),
    "extended": (_flag, "true or false"),
    "approved_after_appeal": (_flag, "true or false"),
}
NAMES = ("request_id", *COLUMNS)


def read_received(name: str, now: datetime) -> dict[str, ListedRequest]:
    """Read a list of received requests, CSV with a header or JSON Lines; return them by `request_id`.

    Nothing can have happened after `now`, which has a time zone.

    Raises `FileNotUsable` with the line and the column of what is wrong, and never with what is there.
    """
    requests: dict[str, ListedRequest] = {}
    for line, row in _rows(name):
        identity = str(row.get("request_id"))
        if isinstance(row.get("request_id"), bool | None) or not matches(REQUEST_ID, identity):
            raise _wrong(name, line, "request_id", "a reference of 1 to 64 letters, digits and . _ : -")
        if identity in requests:
            raise _wrong(name, line, "request_id", f"one that is not also on line {requests[identity].line:,}")
        request = requests[identity] = ListedRequest(line)
        for column, (read, expected) in COLUMNS.items():
            value = row.get(column)
            if isinstance(value, bool):
                value = str(value)
            if value is None or value == "":
                continue
            try:
                setattr(request, column, read(value))
            except (KeyError, StopIteration, TypeError, ValueError, AttributeError):
                raise _wrong(name, line, column, expected) from None
        _check_row(name, request, now)
    if not requests:
        raise FileNotUsable(f"{display_name(name)} has no requests. Give the requests that the plan received.")
    return requests


def _check_row(name: str, request: ListedRequest, now: datetime) -> None:
    """Check that what the list states about a request can be true at the same time."""
    for column in ("received_at", "answered_at"):
        stated = getattr(request, column)
        if stated and stated > now:
            raise _wrong(name, request.line, column, "a time that has passed")
    if (duration := request.duration) is not None and duration < timedelta():
        raise _wrong(name, request.line, "answered_at", "a time after received_at")
    if request.answer == "not_answered" and request.answered_at:
        raise _wrong(name, request.line, "answered_at", "no time, because answer is not_answered")
    if request.answer in ("approved", "not_answered") and request.approved_after_appeal:
        raise _wrong(name, request.line, "answer", "denied or partially_approved, because it was approved after appeal")


def _wrong(name: str, line: int, column: str, expected: str) -> FileNotUsable:
    return FileNotUsable(f"{display_name(name)}, line {line:,}, {column}: expected {expected}.")


def _rows(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_input(name) as source:
        if source.stream.peek(1).lstrip()[:1] == b"{":
            for record in _lines(name, source):
                if record.text.strip():
                    yield record.line, _object(name, record)
            return
        try:
            rows = csv.DictReader((f"{record.text.decode()}\n" for record in _lines(name, source)), strict=True)
            columns = list(rows.fieldnames or ())
            if "request_id" not in columns:
                raise FileNotUsable(
                    f"{display_name(name)} has no column request_id. Give CSV whose first line names the columns "
                    f"({', '.join(NAMES)}), or JSON Lines with these fields."
                )
            for column in NAMES:
                if columns.count(column) > 1:
                    raise FileNotUsable(f"{display_name(name)} has the column {column} twice. Give it once.")
            for row in rows:
                yield rows.line_num, row
        except (csv.Error, UnicodeDecodeError):
            raise FileNotUsable(f"{display_name(name)} is not CSV in UTF-8. Save it as CSV again.") from None


def _lines(name: str, source: Input) -> Iterator[Record]:
    for record in source.lines(MAX_ROW_BYTES):
        if len(record.text) > MAX_ROW_BYTES:
            raise FileNotUsable(
                f"{display_name(name)}, line {record.line:,}: expected at most {MAX_ROW_BYTES:,} bytes."
            )
        yield record


def _object(name: str, record: Record) -> dict[str, Any]:
    twice: list[str] = []

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        count = Counter(field for field, _ in pairs)
        twice.extend(field for field in NAMES if count[field] > 1)
        return dict(pairs)

    try:
        value = nesting.loads(record.text.decode(), object_pairs_hook=fields)
    except ValueError:
        value = None
    if twice:
        raise _wrong(name, record.line, twice[0], "one value")
    if not isinstance(value, dict):
        raise FileNotUsable(f"{display_name(name)}, line {record.line:,}: expected a JSON object.")
    return value


# --- what the policy decided

_REQUEST_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass
class Log:
    """The decisions of a log: how many of each request type and outcome, and the last one on each `request_id`.

    An invalid request has no decision, so an earlier or later decision on the same `request_id` counts instead.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_id: dict[str, tuple[str, str]] = field(default_factory=dict)  # the request type and the outcome, or HELD
    in_conflict: set[str] = field(default_factory=set)  # each `request_id` that requests of several types have
    without_id: int = 0
    questions: int = 0  # what CRD asked about orders: nobody requested it, so it is in nothing else
    not_read: int = 0  # entries that are cut off, damaged, or without a decision of this policy
    of_service: int = 0  # lines of `serve-fhir`, which have no decisions

    @property
    def decisions(self) -> int:
        return self.counts.total()

    def add(self, decision: Decision) -> None:
        if decision["request_id"] == QUESTION:
            self.questions += 1
            return
        request_type, outcome = decision["request_type"] or UNKNOWN_TYPE, decision["outcome"]
        self.counts[request_type, outcome] += 1
        identity = decision["request_id"]
        if not matches(REQUEST_ID, identity):
            self.without_id += 1
            return
        assert identity is not None
        earlier_type, earlier = self.by_id.get(identity, ("", INVALID_REQUEST))
        if earlier != INVALID_REQUEST:
            if outcome == INVALID_REQUEST:
                return
            if request_type != earlier_type:
                self.in_conflict.add(identity)
        held = outcome in DENIALS and not _is_administrative(decision)
        self.by_id[identity] = request_type, HELD if held else outcome

    def outcome_of(self, identity: str) -> str | None:
        """Return the last outcome, or HELD; None if there is none, or if requests of several types have this ID."""
        return None if identity in self.in_conflict else self.by_id.get(identity, ("", None))[1]


def _is_administrative(decision: Decision) -> bool:
    """Whether something is denied, and only for reasons that the register of standard answers has as administrative."""
    register = _standard_answers()
    denials = [each["code"] for each in decision["reasons"] if each["effect"] == "deny"]
    return bool(denials) and all(register.get(each, {}).get("determination") == "administrative" for each in denials)


@cache
def _standard_answers() -> dict[str, Any]:
    register: dict[str, Any] = packaged_json("data.json")["therapy"]["register"]["standard_answers"]
    return register


def read_log(log: str) -> Log:
    """Read the decisions of OPA's log, as the sidecar writes it, or of the output of a batch; `-` is standard input.

    Raises `FileNotUsable` if there are none, `Stopped` or `OSError`.
    """
    outcomes = Log()
    with stoppable(), open_input(log) as opened, progress_bar(opened.progress_bytes, visible=True) as advance:
        for text in log_texts(_until_damage(opened.records(MAX_LINE_BYTES), outcomes), MAX_LINE_BYTES):
            advance(text.size, outcomes.decisions)
            try:
                value = parsed(text.text)
            except ValueError as problem:
                outcomes.not_read += text.incomplete or why_not_json(text.text, problem) is not None
                continue
            for entry in value if isinstance(value, list) else [value]:
                outcomes.of_service += isinstance(entry, dict) and entry.keys() >= OF_SERVICE
                for result in _results(entry):
                    decision = as_decision(result)
                    if decision is None or text.damaged or not _has_type(decision):
                        outcomes.not_read += 1
                    else:
                        outcomes.add(decision)
    if not (outcomes.decisions or outcomes.questions):
        why = f"{display_name(log)} holds no decisions. Give the log of the sidecar, or a batch's output."
        if outcomes.of_service:
            why = (
                f"{display_name(log)} is the log of serve-fhir, and holds no decisions. Run serve-fhir --sidecar URL, "
                "and give the decision log of that sidecar: `therapy-policy serve` writes it to standard error."
            )
        raise FileNotUsable(why)
    return outcomes


def _has_type(decision: Decision) -> bool:
    return decision["request_type"] is None or matches(_REQUEST_TYPE, decision["request_type"])


def _until_damage(records: Iterable[Record], outcomes: Log) -> Iterator[Record]:
    try:
        yield from records
    except InputDamaged:
        outcomes.not_read += 1


def _results(entry: Any) -> list[Any]:
    if is_entry(entry):
        result = entry.get("result")
        return [decision_in(each) for each in result] if isinstance(result, list) else [decision_in(result)]
    return [entry] if isinstance(entry, dict) and {"outcome", "policy_version"} <= entry.keys() else []


# --- the measures


@dataclass(frozen=True)
class Share:
    """How many requests of how many."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        return round(100 * self.count / self.of, 2) if self.of else None

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "of": self.of, "percent": self.percent}

    def __str__(self) -> str:
        percent = "" if self.percent is None else f"{self.percent:>9.2f} %"
        return f"{self.count:>9,}{percent}"


@dataclass(frozen=True)
class Time:
    """The mean and the median time from receipt to answer of `count` requests, in `unit`."""

    mean: float
    median: float
    unit: str
    count: int

    def as_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "median": self.median, "unit": self.unit, "count": self.count}

    def __str__(self) -> str:
        return f"mean {self.mean:.2f} {self.unit}, median {self.median:.2f} {self.unit}"


@dataclass
class Measures:
    """The measures of the standard requests, of the expedited ones, or of all; `figures` has those with data."""

    name: str
    received: int
    figures: dict[str, Share | Time] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"received": self.received, **{name: figure.as_dict() for name, figure in self.figures.items()}}


# What each figure is called; `of` is what it is a share of.
TITLES = {
    "approved": "approved in full",
    "denied": "denied, in full or in part",
    "partially_approved": "of these, denied in part",
    "not_answered": "not answered",
    "approved_after_appeal": "approved after appeal",
    "answered_in_time": "answered when due or before, of {of:,} due, without extended requests",
    "approved_after_extension": "approved after the time was extended",
    "time_to_answer": "from receipt to answer",
}


@dataclass
class Report:
    """The measures, and the figures that have no data."""

    log: Log
    measures: list[Measures] = field(default_factory=list)
    no_data: list[str] = field(default_factory=list)
    not_in_log: int | None = None  # requests of the plan's list; None without a list
    not_in_list: int | None = None  # decisions with another request_id than those of the list

    @property
    def complete(self) -> bool:
        """Whether every figure that a log and a list can give has its data."""
        return not self.no_data

    def as_dict(self) -> dict[str, Any]:
        by_type: dict[str, dict[str, int]] = {}
        for (request_type, outcome), count in sorted(self.log.counts.items()):
            by_type.setdefault(request_type, {})[outcome] = count
        return {
            "log": {
                "decisions": self.log.decisions,
                "by_type": by_type,
                "without_request_id": self.log.without_id,
                "questions_about_orders": self.log.questions,
                "not_read": self.log.not_read,
            },
            "received_not_in_log": self.not_in_log,
            "in_log_not_received": self.not_in_list,
            **{each.name: each.as_dict() for each in self.measures},
            "no_data": [*self.no_data, NOT_IN_A_LOG],
        }

    def as_lines(self) -> list[str]:
        """The report as text, line by line."""
        lines = [f"{count_of(self.log.decisions, 'decision')} in the log"]
        lines += [
            f"{count:>9,}  {request_type} {outcome}"
            for (request_type, outcome), count in sorted(self.log.counts.items())
        ]
        for count, what in (
            (self.log.not_read, "in the log cannot be read, because an entry is cut off, damaged or not a decision"),
            (self.log.without_id, "in the log without a request_id, which cannot be found in the list"),
            (self.log.questions, "questions about orders in the log (CRD), not counted because they are not requests"),
            (self.not_in_list or 0, "request_ids in the log, not counted because they are not in the list"),
            (self.not_in_log or 0, "requests in the list without a decision in the log"),
        ):
            if count:
                lines.append(f"{count:>9,}  {what}")
        for each in self.measures:
            lines += ["", f"{each.name.capitalize()}: {count_of(each.received, 'request')} received"]
            lines += [
                f"{figure}  {TITLES[name].format(of=figure.of)}"
                for name, figure in each.figures.items()
                if isinstance(figure, Share)
            ]
            lines += [
                f"  {TITLES[name]}: {figure} ({count_of(figure.count, 'request')})"
                for name, figure in each.figures.items()
                if isinstance(figure, Time)
            ]
        return [*lines, "", "No data for:", *(f"  - {each}" for each in (*self.no_data, NOT_IN_A_LOG))]


def metrics(log: str, received: str | None, *, now: datetime | None = None) -> Report:
    """Return the measures of a decision log and of the plan's list of received requests; `-` is standard input.

    Answers that are due after `now`, with a time zone, are not yet late, and nothing in the list can have happened
    later. None is the time of the call.

    Raises `FileNotUsable`, `Stopped` or `OSError`.
    """
    if log == "-" and received == "-":
        raise FileNotUsable("Standard input cannot be both the log and the list. Give one of them as a file.")
    now = now or datetime.now(UTC)
    requests = None if received is None else read_received(received, now)
    report = Report(read_log(log))
    if requests is None:
        report.no_data.append(
            "every measure: a log does not say when a request was received and answered, or whether it was expedited. "
            "Give --received"
        )
        return report
    report.not_in_log = len(requests.keys() - report.log.by_id.keys())
    report.not_in_list = len(report.log.by_id.keys() - requests.keys())
    for identity, request in requests.items():
        if request.answer is None:
            request.from_log, request.outcome = True, report.log.outcome_of(identity)
            request.answer = OF_OUTCOME.get(request.outcome or "")
            if request.answer == "approved" and request.approved_after_appeal:
                expected = "false, because the policy authorized the request"
                raise _wrong(received or "", request.line, "approved_after_appeal", expected)
        elif request.answer == "not_answered":
            request.answer = None
    _Counting(report, list(requests.values()), now).count()
    return report


@dataclass
class _Counting:
    """Adds the measures of requests to a report, and what has no data."""

    report: Report
    requests: list[ListedRequest]
    now: datetime

    def count(self) -> None:
        everything = self.requests
        # Nothing about standard or expedited requests is known while one may be either.
        if self.has_all("standard and expedited requests", everything, "expedited"):
            standard = [each for each in everything if not each.expedited]
            expedited = [each for each in everything if each.expedited]
            self.of_kind("standard", standard, "days")
            self.of_kind("expedited", expedited, "hours")
        figures = self.add("all", everything)
        complete = self.has_answers("all", everything)
        if self.has_all("approved after the time was extended", everything, "extended") and complete:
            count = sum(each.extended is True and each.answer == "approved" for each in everything)
            figures["approved_after_extension"] = Share(count, len(everything))

    def add(self, name: str, requests: list[ListedRequest]) -> dict[str, Share | Time]:
        measures = Measures(name, len(requests))
        self.report.measures.append(measures)
        return measures.figures

    def of_kind(self, name: str, requests: list[ListedRequest], unit: str) -> None:
        figures = self.add(name, requests)
        answers = Counter(each.answer for each in requests)
        complete = self.has_answers(name, requests)
        if complete:
            partly = answers["partially_approved"]
            figures["approved"] = Share(answers["approved"], len(requests))
            figures["denied"] = Share(answers["denied"] + partly, len(requests))
            figures["partially_approved"] = Share(partly, len(requests))
            figures["not_answered"] = Share(answers[None], len(requests))
        if name == "standard" and self.has_all("standard: approved after appeal", requests, "approved_after_appeal"):
            count = sum(each.approved_after_appeal is True for each in requests)
            figures["approved_after_appeal"] = Share(count, len(requests))
        if not complete:
            return
        if (in_time := self.in_time(f"{name}: answers when due", requests)) is not None:
            figures["answered_in_time"] = in_time
        with_answer = [each for each in requests if each.answer]
        if self.has_all(f"{name}: time from receipt to answer", with_answer, "received_at", "answered_at"):
            times = [each.duration.total_seconds() / SECONDS[unit] for each in with_answer if each.duration is not None]
            if times:
                figures["time_to_answer"] = Time(round(fmean(times), 2), round(median(times), 2), unit, len(times))

    def in_time(self, what: str, requests: list[ListedRequest]) -> Share | None:
        """Of the requests whose answer is due, count those with an answer when due or before.

        A request whose time was extended is left out, because the list does not say until when.
        """
        if not self.has_all(what, requests, "received_at", "extended"):
            return None
        due: list[tuple[ListedRequest, datetime]] = []
        for each in requests:
            if each.received_at and not each.extended:
                due.append((each, due_at(each.received_at, expedited=each.expedited is True)))
        due = [(each, at) for each, at in due if at <= self.now]
        if not self.has_all(what, [each for each, _ in due if each.answer], "answered_at"):
            return None
        count = sum(
            each.answer is not None and each.answered_at is not None and each.answered_at <= at for each, at in due
        )
        return Share(count, len(due))

    def has_all(self, what: str, requests: list[ListedRequest], *columns: str) -> bool:
        """Whether the list has these columns for all these requests; what is missing is reported."""
        complete = True
        for column in columns:
            if missing := [each for each in requests if getattr(each, column) is None]:
                complete = False
                self.no_data.append(_missing(what, column, missing))
        return complete

    def has_answers(self, name: str, requests: list[ListedRequest]) -> bool:
        """Whether the answer to each request is known, or that there is none yet."""
        from_log = [each for each in requests if each.from_log]
        unknown = [each for each in from_log if each.answer is None and (each.answered_at or each.outcome is None)]
        what = f"{name}: answers"
        if unknown:
            self.no_data.append(f"{_missing(what, 'answer', unknown)}, which the log does not answer either")
        not_read = self.report.log.not_read if from_log else 0
        if not_read:
            entries = "1 entry" if not_read == 1 else f"{not_read:,} entries"
            self.no_data.append(f"{_missing(what, 'answer', from_log)}, and {entries} of the log cannot be read")
        return not unknown and not not_read

    @property
    def no_data(self) -> list[str]:
        return self.report.no_data


def _missing(what: str, column: str, missing: list[ListedRequest]) -> str:
    return f"{what}: {count_of(len(missing), 'request')} without {column} in the list (first: line {missing[0].line:,})"
