"""`therapy-policy metrics`: the figures of CMS-0057-F, each with all of its data or named as missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.cli.command import EXAMPLES, one_error, run
from tests.interop.crd_requests import OT_ORDER, PT_ORDER, signed
from therapy_policy import EmbeddedClient, FileNotUsable
from therapy_policy.interop import crd
from therapy_policy.interop.metrics import Report, due_at, metrics, read_received

SECRET = "Xylophone"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
REFERRAL: dict[str, Any] = json.loads((EXAMPLES / "pt_referral.json").read_text(encoding="utf-8"))
VISIT: dict[str, Any] = json.loads((EXAMPLES / "pt_visit.json").read_text(encoding="utf-8"))
HEADER = "request_id,received_at,answered_at,expedited,answer,extended,approved_after_appeal,member"


def at(day: int, hour: int = 8) -> str:
    return f"2026-03-{day:02}T{hour:02}:00:00-10:00"


# Standard: a and b approved, c denied, d pended and then denied in part by a person, e pended. Expedited: f approved.
ROWS = {
    "a": (at(2), at(3), "false", "", "false", "false"),
    "b": (at(2), at(8), "false", "", "true", "false"),
    "c": (at(2), at(4), "False", "", "false", "true"),
    "d": (at(2), at(13), "false", "partially_approved", "false", "false"),
    "e": (at(2), "", "false", "", "false", "false"),
    "f": (at(2), at(2, 14), "TRUE", "", "false", "false"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OPA's log: one entry for each request, then all of them in a batch; `a` was pended at first."""
    denied = REFERRAL | {"benefit_status": "not_covered"}
    pended = REFERRAL | {"expected_improvement": None}
    asked = [("a", pended), ("a", REFERRAL), ("b", REFERRAL), ("c", denied), ("d", pended), ("e", pended)]
    asked += [("f", REFERRAL), ("not_received", REFERRAL)]
    with EmbeddedClient() as client:
        decisions = [client.decide(request | {"request_id": name}) for name, request in asked]
        without_id = client.decide({**REFERRAL, "request_id": None})
    entries: list[Any] = [{"decision_id": "1", "path": "therapy/decision", "result": each} for each in decisions]
    entries.append({"decision_id": "2", "path": "therapy/decisions", "result": [*decisions, without_id]})
    path = tmp_path_factory.mktemp("metrics") / "sidecar.log"
    path.write_text('{"msg": "Server started"}\n' + "".join(json.dumps(each) + "\n" for each in entries), "utf-8")
    return path


def plan_list(directory: Path, changes: dict[str, tuple[str, ...]] | None = None, header: str = HEADER) -> str:
    rows = [",".join((name, *row, SECRET)) for name, row in (ROWS | (changes or {})).items()]
    (directory / "received.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(directory / "received.csv")


def figures(report: Report) -> dict[str, Any]:
    assert SECRET not in json.dumps(report.as_dict()) + "".join(report.as_lines())
    return report.as_dict()


def share(count: int, of: int, percent: float) -> dict[str, Any]:
    return {"count": count, "of": of, "percent": percent}


def test_every_figure(log: Path, tmp_path: Path) -> None:
    report = metrics(str(log), plan_list(tmp_path))
    assert report.complete
    whole = figures(report)
    assert whole["standard"] == {
        "received": 5,
        "approved": share(2, 5, 40.0),
        "denied": share(2, 5, 40.0),
        "partially_approved": share(1, 5, 20.0),
        "not_answered": share(1, 5, 20.0),
        "approved_after_appeal": share(1, 5, 20.0),
        "answered_in_time": share(2, 4, 50.0),  # b was extended
        "time_to_answer": {"mean": 5.0, "median": 4.0, "unit": "days", "count": 4},
    }
    assert whole["expedited"] == {
        "received": 1,
        "approved": share(1, 1, 100.0),
        "denied": share(0, 1, 0.0),
        "partially_approved": share(0, 1, 0.0),
        "not_answered": share(0, 1, 0.0),
        "answered_in_time": share(1, 1, 100.0),
        "time_to_answer": {"mean": 6.0, "median": 6.0, "unit": "hours", "count": 1},
    }
    assert whole["all"] == {"received": 6, "approved_after_extension": share(1, 6, 16.67)}
    assert (whole["in_log_not_received"], whole["received_not_in_log"]) == (1, 0)
    assert whole["log"]["by_type"] == {"pt_referral": {"authorized": 9, "denied": 2, "pended": 6}}
    assert (whole["log"]["decisions"], whole["log"]["without_request_id"], whole["log"]["not_read"]) == (17, 1, 0)
    assert len(whole["no_data"]) == 1  # the list of items and services


def test_decisions_count_the_same_with_their_answers(log: Path, tmp_path: Path) -> None:
    def with_answer(result: Any) -> Any:
        return [*map(with_answer, result)] if isinstance(result, list) else {"decision": result, "answer": {}}

    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()[1:]]
    paths = {"therapy/decision": "therapy/answer", "therapy/decisions": "therapy/answers"}
    answers = [each | {"path": paths[each["path"]], "result": with_answer(each["result"])} for each in entries]
    (tmp_path / "answers.log").write_text("".join(json.dumps(each) + "\n" for each in answers), "utf-8")
    report = metrics(str(tmp_path / "answers.log"), plan_list(tmp_path))
    assert report.as_dict() == metrics(str(log), plan_list(tmp_path)).as_dict()


@pytest.mark.parametrize(
    ("name", "row", "absent", "kept"),
    [
        # What is not known of one request is not known of all.
        ("a", (at(2), at(3), "", "", "false", "false"), {"standard", "expedited"}, {"all"}),
        ("a", ("", at(3), "false", "", "false", "false"), {"time_to_answer", "answered_in_time"}, {"approved"}),
        ("a", (at(2), "", "false", "", "false", "false"), {"time_to_answer", "answered_in_time"}, {"approved"}),
        ("a", (at(2), at(3), "false", "", "", "false"), {"approved_after_extension"}, {"approved", "time_to_answer"}),
        ("a", (at(2), at(3), "false", "", "false", ""), {"approved_after_appeal"}, {"approved", "time_to_answer"}),
        # A person answered, and nobody says how; nothing at all is known of a request that is not in the log.
        ("d", (at(2), at(13), "false", "", "false", "false"), {"denied", "time_to_answer"}, {"approved_after_appeal"}),
        ("g", (at(2), "", "false", "", "false", "false"), {"denied", "time_to_answer"}, {"approved_after_appeal"}),
    ],
)
def test_a_figure_without_its_data_is_named_instead(
    log: Path, tmp_path: Path, name: str, row: tuple[str, ...], absent: set[str], kept: set[str]
) -> None:
    report = metrics(str(log), plan_list(tmp_path, {name: row}))
    assert not report.complete
    whole = figures(report)
    printed = {*whole, *whole.get("standard", {}), *whole["all"]}
    assert not absent & printed
    assert kept <= printed
    line = 2 + list(ROWS | {name: row}).index(name)
    assert any("1 request without " in each and f"line {line}" in each for each in whole["no_data"])


NOT_EXPECTED = REFERRAL | {"expected_improvement": REFERRAL["expected_improvement"] | {"functional": False}}
OT_CLAIM: dict[str, Any] = json.loads((EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("request_", "outcome", "counted"),
    [
        (NOT_EXPECTED, "denied", "not_answered"),  # PAS answers it with A4
        (REFERRAL | {"condition": {"category": "other"}}, "denied", "not_answered"),
        (OT_CLAIM | {"medical_necessity": "not_established"}, "denied", "not_answered"),
        (REFERRAL | {"benefit_status": "not_covered"}, "denied", "denied"),
        (REFERRAL | {"requested_visits": 12}, "partially_authorized", "partially_approved"),
        (OT_CLAIM, "partially_authorized", "partially_approved"),
    ],
)
def test_a_denial_that_waits_for_a_person_is_not_an_answer(
    tmp_path: Path, request_: dict[str, Any], outcome: str, counted: str
) -> None:
    with EmbeddedClient() as client:
        decision = client.decide({**request_, "request_id": "a"})
    assert decision["outcome"] == outcome
    (tmp_path / "one.log").write_text(json.dumps(decision) + "\n", "utf-8")

    def measured(answered_at: str, answer: str) -> Report:
        row = f"a,{at(2)},{answered_at},false,{answer},false,false,{SECRET}"
        (tmp_path / "list.csv").write_text(f"{HEADER}\n{row}\n", "utf-8")
        return metrics(str(tmp_path / "one.log"), str(tmp_path / "list.csv"))

    answered = counted != "not_answered"
    without = figures(measured(at(3) if answered else "", ""))["standard"]
    assert [name for name in ("approved", "denied", "not_answered") if without[name]["count"]] == (
        ["denied"] if answered else ["not_answered"]
    )
    assert without["partially_approved"]["count"] == (counted == "partially_approved")
    # A person answered. Only the list can say how.
    said = figures(measured(at(3), "denied"))["standard"]
    assert (said["denied"]["count"], said["not_answered"]["count"]) == (1, 0)
    unsaid = measured(at(3), "")
    assert unsaid.complete == answered
    assert ("denied" in figures(unsaid)["standard"]) == answered


def test_a_denial_for_a_reason_that_the_register_does_not_have_is_not_an_answer(log: Path, tmp_path: Path) -> None:
    text = log.read_text("utf-8").replace("BENEFIT_NOT_COVERED", "ANOTHER_REASON")
    (tmp_path / "later.log").write_text(text, "utf-8")
    report = metrics(str(tmp_path / "later.log"), plan_list(tmp_path, {"c": (at(2), "", "false", "", "false", "")}))
    assert figures(report)["standard"]["not_answered"]["count"] == 2


def test_the_log_of_serve_fhir_is_named_with_what_to_give_instead(tmp_path: Path) -> None:
    line = {"received_at": at(2), "type": "Claim/$submit", "status": 200, "milliseconds": 1.0, "outcome": "denied"}
    (tmp_path / "service.log").write_text(json.dumps(line) + "\n", "utf-8")
    told = one_error(run("metrics", tmp_path / "service.log"))
    assert "serve-fhir --sidecar URL" in told
    assert "standard error" in told
    (tmp_path / "other.log").write_text('{"msg": "started"}\n', "utf-8")
    assert "serve-fhir" not in one_error(run("metrics", tmp_path / "other.log"))


def test_without_a_list_only_the_log_is_counted(log: Path) -> None:
    report = metrics(str(log), None)
    assert not report.complete
    assert figures(report).keys() == {"log", "received_not_in_log", "in_log_not_received", "no_data"}
    assert "--received" in report.as_lines()[-2]


def test_a_column_that_is_missing_is_named(log: Path, tmp_path: Path) -> None:
    report = metrics(str(log), plan_list(tmp_path, header=HEADER.replace("extended", "extnded")))
    assert [each for each in report.no_data if "6 requests without extended" in each]
    assert report.measures[0].figures["approved"]


def test_one_request_id_for_requests_of_two_types_has_no_outcome(log: Path, tmp_path: Path) -> None:
    with EmbeddedClient() as client:
        visit = client.decide(VISIT | {"request_id": "a"})
    both = tmp_path / "both.log"
    both.write_bytes(log.read_bytes() + json.dumps(visit).encode() + b"\n")
    report = metrics(str(both), plan_list(tmp_path))
    assert "approved" not in report.measures[0].figures
    assert [each for each in report.no_data if "line 2" in each and "which the log does not answer" in each]


def later_log(log: Path, directory: Path, *texts: str) -> str:
    path = directory / "later.log"
    path.write_bytes(log.read_bytes() + "".join(f"{text}\n" for text in texts).encode())
    return str(path)


def test_a_later_decision_does_not_settle_a_conflict_of_types(log: Path, tmp_path: Path) -> None:
    with EmbeddedClient() as client:
        visit = json.dumps(client.decide({**VISIT, "request_id": "a"}))
        referral = json.dumps(client.decide({**REFERRAL, "request_id": "a"}))
    for later in ((visit, visit), (visit, referral), (visit, visit, referral, referral)):
        report = metrics(later_log(log, tmp_path, *later), plan_list(tmp_path))
        assert "approved" not in report.measures[0].figures
        assert [each for each in report.no_data if "line 2" in each and "which the log does not answer" in each]


def test_an_invalid_request_changes_no_decision(log: Path, tmp_path: Path) -> None:
    with EmbeddedClient() as client:
        invalid = [
            json.dumps(client.decide({**request, "request_id": "a"}))
            for request in ({"request_type": "pt_visit"}, {"request_type": SECRET}, REFERRAL | {"specialty": SECRET})
        ]
        only_invalid = json.dumps(client.decide({"request_type": "pt_visit", "request_id": "e"}))
    before = metrics(str(log), plan_list(tmp_path))
    report = metrics(later_log(log, tmp_path, *invalid, only_invalid), plan_list(tmp_path))
    assert report.complete
    assert [each.figures for each in report.measures] == [each.figures for each in before.measures]
    assert figures(report)["log"]["by_type"]["unknown type"] == {"invalid_request": 1}
    assert any(line.split() == ["1", "unknown", "type", "invalid_request"] for line in report.as_lines())

    first = tmp_path / "first.log"
    first.write_bytes("\n".join(invalid).encode() + b"\n" + log.read_bytes())
    assert [each.figures for each in metrics(str(first), plan_list(tmp_path)).measures] == [
        each.figures for each in before.measures
    ]


ANSWERS: dict[str, tuple[str, ...]] = {  # of every request, by the plan
    name: (*row[:3], answer, *row[4:])
    for (name, row), answer in zip(
        ROWS.items(), ["approved", "approved", "denied", "approved", "approved", "approved"], strict=True
    )
}
ANSWERS["e"] = (at(2), at(5), "false", "approved", "false", "false")


@pytest.mark.parametrize(
    "text",
    [
        '{"decision_id": "3", "path": "therapy/decision", "result": {"outcome": "denied"}}',
        '{"decision_id": "3", "path": "therapy/decision"}',
        '{"outcome": "denied", "policy_version": "2.0.4"}',
        '{"decision_id": "3", "path": "therapy/decision", "result": {"outcome": "den',
        "TYPE",
    ],
)
def test_what_cannot_be_read_withholds_the_answers_that_the_log_has(log: Path, tmp_path: Path, text: str) -> None:
    if text == "TYPE":
        decision = json.loads(log.read_text("utf-8").splitlines()[1])["result"]
        text = json.dumps({**decision, "request_type": f"{SECRET} Smith"})
    later = later_log(log, tmp_path, text)
    report = metrics(later, plan_list(tmp_path))
    whole = figures(report)
    assert whole["log"]["not_read"] == 1
    assert not {"approved", "denied", "time_to_answer", "answered_in_time"} & whole["standard"].keys()
    assert "approved_after_extension" not in whole["all"]
    assert whole["standard"]["approved_after_appeal"] == share(1, 5, 20.0)
    assert [each for each in report.no_data if each.startswith("standard: answers: 4 requests without answer")]
    assert [each for each in report.no_data if "1 entry of the log cannot be read" in each]

    own = metrics(later, plan_list(tmp_path, ANSWERS))
    assert own.complete
    assert own.as_dict()["standard"]["approved"] == share(4, 5, 80.0)


def test_answers_in_time_are_of_requests_that_are_due_and_not_extended(log: Path, tmp_path: Path) -> None:
    def in_time(now: str, row: tuple[str, ...]) -> dict[str, Any]:
        report = metrics(str(log), plan_list(tmp_path, {"e": row}), now=datetime.fromisoformat(now))
        assert report.complete
        share: dict[str, Any] = report.as_dict()["standard"]["answered_in_time"]
        return share

    unanswered = ("2026-03-20T08:00:00-10:00", "", "false", "", "false", "false")
    assert in_time("2026-03-27T17:59:59+00:00", unanswered) == share(2, 3, 66.67)
    assert in_time("2026-03-27T18:00:00+00:00", unanswered) == share(2, 4, 50.0)
    extended = (at(2), "", "false", "", "true", "false")
    assert in_time("2026-03-27T18:00:00+00:00", extended) == share(2, 3, 66.67)
    # On March 13, b was extended, and the others are not due yet.
    not_due: dict[str, tuple[str, ...]] = {
        name: (at(12), row[1] and at(13), *row[2:]) for name, row in ROWS.items() if name != "b"
    }
    report = metrics(str(log), plan_list(tmp_path, not_due), now=datetime.fromisoformat(at(13)))
    assert report.as_dict()["standard"]["answered_in_time"] == {"count": 0, "of": 0, "percent": None}


def test_a_line_says_of_how_many_requests_it_is(log: Path, tmp_path: Path) -> None:
    lines = metrics(str(log), plan_list(tmp_path)).as_lines()
    assert "        2    50.00 %  answered when due or before, of 4 due, without extended requests" in lines


def test_json_lines_a_batchs_output_and_a_log_that_is_cut_off(log: Path, tmp_path: Path) -> None:
    names = HEADER.split(",")
    rows = [dict(zip(names, (name, *row), strict=False)) for name, row in ROWS.items()]
    for row in rows:
        row["expedited"] = row["expedited"].lower() == "true"  # type: ignore[assignment]
    (tmp_path / "received.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()[1:-1]]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(each["result"]) + "\n" for each in entries), "utf-8")
    of_batch = metrics(str(tmp_path / "out.jsonl"), str(tmp_path / "received.jsonl")).as_dict()
    of_log = metrics(str(log), plan_list(tmp_path)).as_dict()
    assert {name: of_batch[name] for name in ("standard", "expedited", "all")} == {
        name: of_log[name] for name in ("standard", "expedited", "all")
    }
    (tmp_path / "cut.log").write_bytes(log.read_bytes()[:-100])
    cut = metrics(str(tmp_path / "cut.log"), plan_list(tmp_path))
    assert cut.as_dict()["log"]["not_read"] == 1
    assert not cut.complete
    assert any("cannot be read" in line for line in cut.as_lines())


@pytest.mark.parametrize(
    ("row", "line", "column"),
    [
        (("2026-03-02T08:00:00", at(3), "false", "", "", ""), 2, "received_at"),  # without a time zone
        ((SECRET, at(3), "false", "", "", ""), 2, "received_at"),
        ((at(2), at(1), "false", "", "", ""), 2, "answered_at"),
        (("9999-12-31T23:59:59-10:00", "", "false", "", "", ""), 2, "received_at"),
        (("0001-01-01T00:00:00+10:00", "", "false", "", "", ""), 2, "received_at"),
        ((at(2), "2100-01-01T00:00:00Z", "false", "", "", ""), 2, "answered_at"),
        ((at(2), at(3), SECRET, "", "", ""), 2, "expedited"),
        ((at(2), at(3), "false", "authorized", "", ""), 2, "answer"),
        (("2026-12-01T00:00:01Z", "", "false", "", "", ""), 2, "received_at"),  # it has not come yet
        ((at(2), "2027-11-03T08:00:00-10:00", "false", "", "", ""), 2, "answered_at"),
        ((at(2), at(3), "false", "not_answered", "", ""), 2, "answered_at"),
        ((at(2), at(3), "false", "approved", "false", "true"), 2, "answer"),
        ((at(2), "", "false", "not_answered", "false", "true"), 2, "answer"),
    ],
)
def test_an_error_in_the_list_has_its_line_and_column(
    tmp_path: Path, row: tuple[str, ...], line: int, column: str
) -> None:
    with pytest.raises(FileNotUsable) as raised:
        read_received(plan_list(tmp_path, {"a": row}), NOW)
    assert f"line {line}, {column}: expected" in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"id,received_at\n{SECRET},{at(2)}\n", "has no column request_id"),
        ("request_id\na\na\n", "line 3, request_id: expected one that is not also on line 2"),
        (f"request_id\n{SECRET} Smith\n", "line 2, request_id: expected a reference"),
        ("request_id\n", "has no requests"),
        ('{"request_id": true}\n', "line 1, request_id: expected a reference"),
        (f'{{"request_id": "a"}}\n{{"{SECRET}\n', "line 2: expected a JSON object"),
        ('{"request_id": "a", "received_at": 1}\n', "line 1, received_at: expected a date and time"),
        (f'request_id\n"{SECRET}', "is not CSV"),
        (f"request_id,member\na,{SECRET}{'x' * 70_000}\n", "line 2: expected at most 65,536 bytes"),
        (f'{{"request_id": "a", "member": "{SECRET * 10_000}"}}\n', "line 1: expected at most 65,536 bytes"),
        (f"request_id,answer,answer\na,denied,{SECRET}\n", "has the column answer twice"),
        (f"request_id,answer,request_id\na,denied,{SECRET}\n", "has the column request_id twice"),
        ('{"request_id": "a", "answer": "denied", "answer": "approved"}', "line 1, answer: expected one value"),
    ],
)
def test_a_list_that_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "list").write_text(text, encoding="utf-8")
    with pytest.raises(FileNotUsable) as raised:
        read_received(str(tmp_path / "list"), NOW)
    assert problem in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_request_that_is_not_answered_is_counted_although_the_log_does_not_have_it(log: Path, tmp_path: Path) -> None:
    report = metrics(str(log), plan_list(tmp_path, {"zz": (at(9), "", "false", "not_answered", "false", "false")}))
    assert report.complete
    standard = figures(report)["standard"]
    assert (standard["received"], standard["not_answered"]) == (6, share(2, 6, 33.33))
    assert standard["answered_in_time"] == share(2, 5, 40.0)
    # What the list says counts, and not what the log has.
    report = metrics(str(log), plan_list(tmp_path, {"a": (at(2), "", "false", "not_answered", "false", "false")}))
    assert figures(report)["standard"]["approved"] == share(1, 5, 20.0)


def test_what_the_policy_authorized_was_not_approved_after_appeal(log: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotUsable, match="line 2, approved_after_appeal: expected false"):
        metrics(str(log), plan_list(tmp_path, {"a": (at(2), at(3), "false", "", "false", "true")}))


def test_what_is_asked_about_an_order_is_no_request(log: Path, tmp_path: Path) -> None:
    with EmbeddedClient() as client:
        asked: list[list[Any]] = []

        def decide_many(requests: list[dict[str, Any]]) -> list[Any]:
            asked.append([*client.decide_many(requests)])
            return asked[-1]

        crd.respond("order-sign-therapy", signed(PT_ORDER, OT_ORDER), decide_many, today=NOW.date())
    assert sum(map(len, asked)) > 2
    entries = [{"decision_id": "3", "path": "therapy/decisions", "result": each} for each in asked]
    lines = "".join(json.dumps(each) + "\n" for each in entries)
    (tmp_path / "with.log").write_text(log.read_text("utf-8") + lines, "utf-8")
    before, after = (metrics(str(each), plan_list(tmp_path)) for each in (log, tmp_path / "with.log"))
    assert after.as_dict()["log"].pop("questions_about_orders") == sum(map(len, asked))
    assert before.as_dict()["log"] | {"questions_about_orders": sum(map(len, asked))} == after.as_dict()["log"]
    assert any("questions about orders" in line for line in after.as_lines())
    assert figures(after)["standard"] == figures(before)["standard"]


def test_a_column_that_is_ignored_may_be_there_twice_and_have_line_breaks(tmp_path: Path) -> None:
    text = f'request_id,,,note\r\na,,,"{SECRET}\r\nline, two"\r\nb,,,\r\n'
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf" + text.encode())
    requests = read_received(str(tmp_path / "list"), NOW)
    assert {name: request.line for name, request in requests.items()} == {"a": 3, "b": 4}


def test_hours_pass_also_where_clocks_are_changed() -> None:
    new_york = ZoneInfo("America/New_York")
    before = datetime(2026, 3, 6, 12, tzinfo=new_york)
    due = due_at(before, expedited=True)
    assert due.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=72)
    assert (due.day, due.hour, due.tzinfo) == (9, 13, new_york)
    autumn = datetime(2026, 10, 30, 12, tzinfo=new_york)
    assert due_at(autumn, expedited=False).isoformat() == "2026-11-06T11:00:00-05:00"


def test_when_an_answer_is_due() -> None:
    at_noon = datetime.fromisoformat("2026-02-27T12:00:00-10:00")
    assert due_at(at_noon, expedited=True) == datetime.fromisoformat("2026-03-02T12:00:00-10:00")
    assert due_at(at_noon, expedited=False) == at_noon + timedelta(days=7)
    assert due_at(at_noon, expedited=False).utcoffset() == at_noon.utcoffset()
    with pytest.raises(ValueError, match="no time zone"):
        due_at(at_noon.replace(tzinfo=None), expedited=True)


def test_the_command(log: Path, tmp_path: Path) -> None:
    complete = run("metrics", log, "--received", plan_list(tmp_path))
    assert complete.returncode == 0, complete.stderr
    text = complete.stdout.decode()
    assert "Standard: 5 requests received" in text
    assert "        2    40.00 %  approved in full" in text
    assert "from receipt to answer: mean 5.00 days, median 4.00 days (4 requests)" in text
    incomplete = run("metrics", "-", "--json", stdin=log.read_bytes())
    assert incomplete.returncode == 1
    assert json.loads(incomplete.stdout)["log"]["decisions"] == 17
    assert "Standard input" in one_error(run("metrics", "-", "--received", "-"))
