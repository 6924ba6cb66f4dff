"""`therapy-policy replay`: the same policy repeats every decision; another policy differs only where it decides so."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proof import strategies
from tests.cli.command import COMMAND, EXAMPLES, ROOT, as_line, environment, one_error, run, run_in_terminal, start
from tests.cli.policies import PARAMETERS, change_data
from tests.running import running_sidecar
from therapy_policy import EmbeddedClient, SidecarClient
from therapy_policy.bulk.replay import differences_between
from therapy_policy.policy.bundles import load, packaged_bundle

VERSION = packaged_bundle().version
NEXT_VERSION = VERSION.rpartition(".")[0] + ".99"

SECRET = "Xylophone"
ROUTE = {"request_type": "referral_route", "island": "maui"}
VISIT: dict[str, Any] = {
    "request_type": "pt_visit",
    "benefit_status": "covered",
    "service_date": "2024-02-29",
    "specialty": "none",
    "tier": "nonacute",
    "visit": {"number": 7, "kind": "treatment", "units": 2, "units_already_authorized": 0},
    "progress_note_number": 7,
    "prior_visits": {"evaluation": 1, "treatment": 5},
    "plan_of_care_complete": True,
}


def report_of(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
    result = run("replay", *arguments, "--json", stdin=stdin)
    report: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, report


def entry_of(request: Any, result: Any, path: str = "therapy/decision") -> bytes:
    return json.dumps({"decision_id": "1", "path": path, "input": request, "result": result}).encode() + b"\n"


def is_evaluated(client: EmbeddedClient, request: Any) -> bool:
    return client.decide(request)["outcome"] != "invalid_request"


# --- The sidecar's log


@dataclass(frozen=True)
class SidecarLog:
    """The log of a real sidecar, and its requests: each by itself, and all of them in batches."""

    path: Path
    requests: list[Any]
    more_than_requests: int  # decisions on bodies without a request

    @property
    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines(keepends=True)


def drawn_requests() -> list[Any]:
    drawn: list[Any] = []

    @settings(
        max_examples=120, phases=[Phase.generate], derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(st.one_of(strategies.valid_requests(), strategies.valid_requests(), strategies.nearly_valid_requests()))
    def draw(request: Any) -> None:
        drawn.append(copy.deepcopy(request))

    draw()
    return drawn


def with_secrets(value: Any) -> Any:
    """The value with a word added to every text that has a space: only free text has one."""
    if isinstance(value, dict):
        return {name: with_secrets(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_secrets(inner) for inner in value]
    return f"{SECRET} {value}" if isinstance(value, str) and " " in value else value


@pytest.fixture(scope="module")
def sidecar_log(tmp_path_factory: pytest.TempPathFactory) -> SidecarLog:
    log = tmp_path_factory.mktemp("replay") / "sidecar.log"
    asked = [with_secrets(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(EXAMPLES.glob("*.json"))]
    asked += [VISIT | {"visit": VISIT["visit"] | {"units": units}} for units in (1, 3, 4)]
    asked += [VISIT, {SECRET: SECRET}, SECRET, None, *drawn_requests()]
    with running_sidecar(log) as running, SidecarClient(running.url) as client:
        for request in asked:
            client.decide(request)
        for first in range(0, len(asked), 30):
            client.decide_many(asked[first : first + 30])
        for body in (b"{}", b'{"input": 1e99999999}'):
            post(running.url, "decision", body)
        for body in (b"{}", b'{"input": {"requests": "x"}}', b'{"input": {"requests": [1e99999999]}}'):
            post(running.url, "decisions", body)
        post(running.url, "decisions", b'{"input": {"requests": []}}')
        post(running.url, "decision", b'{"input": ')
        post(running.url, "found", b"{}")
    return SidecarLog(log, asked, 5)


def post(url: str, path: str, body: bytes) -> None:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{url}/v1/data/therapy/{path}", data=body, timeout=10)


def test_a_masked_log_replays_to_the_same_decisions(sidecar_log: SidecarLog, client: EmbeddedClient) -> None:
    status, report = report_of(sidecar_log.path)
    evaluated = sum(is_evaluated(client, request) for request in sidecar_log.requests)
    refused = len(sidecar_log.requests) - evaluated
    assert evaluated > 60
    assert refused > 10
    assert report["differences"] == []
    assert (report["identical"], report["different"]) == (2 * evaluated, 0)
    (not_replayable,) = report["not_replayable"]
    assert not_replayable["why"] == "refused"
    assert not_replayable["count"] == 2 * refused + sidecar_log.more_than_requests
    assert report["decisions"] == 2 * len(sidecar_log.requests) + sidecar_log.more_than_requests
    assert report["lines"] == len(sidecar_log.lines) == report["entries"] + report["skipped"]["count"]
    assert status == 0


def test_the_report_for_a_person_says_the_same(sidecar_log: SidecarLog) -> None:
    result = run("replay", "-", stdin=sidecar_log.path.read_bytes())
    _, report = report_of(sidecar_log.path)
    written = result.stdout.decode()
    assert f"{report['decisions']:,} decisions in {report['entries']:,} entries" in written
    assert f"{report['identical']:,}  identical" in written
    assert "0  different" in written
    assert f"{report['not_replayable'][0]['count']}  rejected as invalid" in written
    assert f"(first: line {report['not_replayable'][0]['first']['line']})" in written
    assert result.stderr == b""
    assert result.returncode == 0


@pytest.fixture(scope="module")
def one_more_visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the policies that authorizes one treatment visit more."""
    policies = tmp_path_factory.mktemp("more") / "policies"
    shutil.copytree(ROOT / "policies", policies)

    def one_more(parameters: Any) -> None:
        parameters["outpatient_pt"]["initial_visits"]["periods"][0]["value"]["nonacute"]["treatment"] += 1

    change_data(policies / PARAMETERS, one_more)
    version = policies / "therapy/register/policy/data.yaml"
    version.write_text(f"version: {NEXT_VERSION}\n", encoding="utf-8")
    return policies


def test_under_another_bundle_exactly_the_decisions_that_flip_differ(
    sidecar_log: SidecarLog, client: EmbeddedClient, one_more_visit: Path, tmp_path: Path
) -> None:
    with load(str(one_more_visit)).client() as other:

        def flips(request: Any) -> bool:
            then, now = client.decide(request), other.decide(request)
            return then | {"policy_version": now["policy_version"]} != now

        flipping = [request for request in sidecar_log.requests if flips(request)]
    assert VISIT in flipping
    assert len(flipping) > 5

    status, report = report_of(sidecar_log.path, "--bundle", one_more_visit)
    assert report["different"] == 2 * len(flipping)
    assert report["identical"] == 2 * (sum(is_evaluated(client, each) for each in sidecar_log.requests) - len(flipping))
    assert report["policy_versions"] == {
        "then": {VERSION: report["identical"] + report["different"]},
        "now": NEXT_VERSION,
    }
    assert status == 1

    # One line each, because the entries of single requests are in the order of the requests.
    alone = [line for line in sidecar_log.lines if b'"path":"therapy/decision"' in line]
    asked_of_lines = list(zip(sidecar_log.requests, alone[: len(sidecar_log.requests)], strict=True))
    flipped, same = tmp_path / "flipped", tmp_path / "same"
    flipped.write_bytes(b"".join(line for request, line in asked_of_lines if request in flipping))
    same.write_bytes(b"".join(line for request, line in asked_of_lines if request not in flipping))
    status, report = report_of(flipped, "--bundle", one_more_visit)
    assert (status, report["identical"]) == (1, 0)
    assert report["different"] == flipped.read_bytes().count(b"\n")
    status, report = report_of(same, "--bundle", one_more_visit)
    assert (status, report["different"], report["differences"]) == (0, 0, [])


def test_differences_are_grouped_by_kind_with_a_first_example(
    client: EmbeddedClient, one_more_visit: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    asked = [ROUTE, VISIT, VISIT]
    log.write_bytes(b"\n" + entry_of({"requests": asked}, client.decide_many(asked), "therapy/decisions"))
    _, report = report_of(log, "--bundle", one_more_visit)
    gone = {
        "what": "reason_removed",
        "code": "PT_TREATMENT_VISIT_LIMIT",
        "clauses": "PT-3",
        "path": "/prior_visits/treatment",
    }
    assert {
        "count": 2,
        "first": {"line": 2, "request": 2},
        "what": "outcome",
        "then": "denied",
        "now": "authorized",
    } in (report["differences"])
    assert gone | {"count": 2, "first": {"line": 2, "request": 2}} in report["differences"]
    written = run("replay", log, "--bundle", one_more_visit).stdout.decode()
    assert "2  outcome: denied -> authorized (first: line 2, request 2)" in written
    assert "2  reason removed: PT_TREATMENT_VISIT_LIMIT (PT-3) at /prior_visits/treatment" in written
    assert "2  authorized units: 0 -> 2" in written


def test_decisions_with_their_answers_replay_as_decisions(
    client: EmbeddedClient, one_more_visit: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        entry_of(VISIT, client.answer(VISIT), "therapy/answer")
        + entry_of({"requests": [ROUTE, VISIT]}, client.answers([ROUTE, VISIT]), "therapy/answers")
        + entry_of({"request_type": None}, client.answer(None), "therapy/answer")
        + entry_of(ROUTE, {"answer": client.answer(ROUTE)["answer"]}, "therapy/answer")
    )
    status, report = report_of(log)
    assert (report["identical"], report["different"], report["entries"]) == (3, 0, 4)
    assert {each["why"]: each["first"]["line"] for each in report["not_replayable"]} == {"refused": 3, "no_decision": 4}
    assert status == 0
    status, report = report_of(log, "--bundle", one_more_visit)
    assert (status, report["identical"], report["different"]) == (1, 1, 2)


# --- The output of a batch


@dataclass(frozen=True)
class Batch:
    """A file of requests, and the output of `batch` for it."""

    requests: Path
    output: Path


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    output = tmp_path_factory.mktemp("batch") / "out.jsonl"
    assert run("batch", EXAMPLES / "claims.jsonl", "--output", output).returncode == 1
    return Batch(EXAMPLES / "claims.jsonl", output)


def test_the_output_of_a_batch_replays_invalid_requests_too(batch: Batch) -> None:
    status, report = report_of(batch.output, "--requests", batch.requests)
    assert status == 0
    assert report["identical"] == report["decisions"] == batch.requests.read_bytes().count(b"\n")
    assert report["not_replayable"] == []
    assert b'"outcome":"invalid_request"' in batch.output.read_bytes()
    assert report_of("-", "--requests", batch.requests, stdin=batch.output.read_bytes()) == (status, report)
    assert report_of(batch.output, "--requests", "-", stdin=batch.requests.read_bytes()) == (status, report)


def test_lines_that_are_no_json_replay_as_batch_decided_them(tmp_path: Path) -> None:
    requests = tmp_path / "in.jsonl"
    requests.write_bytes(
        b"\n".join([json.dumps(ROUTE).encode(), b"", b"not JSON", b"\xff", b'"' + b"x" * (1 << 20), b"[]"])
    )
    run("batch", requests, "--output", tmp_path / "out.jsonl")
    status, report = report_of(tmp_path / "out.jsonl", "--requests", requests)
    assert (status, report["identical"], report["decisions"]) == (0, 6, 6)


Change = Callable[[dict[str, Any]], object]
REASON = {"code": "BENEFIT_NOT_COVERED", "clauses": "UM-2", "path": "/benefit_status"}
CHANGES: dict[str, tuple[Change, list[dict[str, Any]]]] = {
    "outcome": (
        lambda then: then.update(outcome="pended"),
        [{"what": "outcome", "then": "pended", "now": "denied"}],
    ),
    "units": (
        lambda then: then["authorized"].update(units=3),
        [{"what": "authorized", "field": "units", "then": 3, "now": 0}],
    ),
    "procedure code": (
        lambda then: then["authorized"].update(procedure_codes=["97110"]),
        [{"what": "procedure_code_removed", "code": "97110"}],
    ),
    "reason added": (lambda then: then["reasons"].pop(0), [{"what": "reason_added"} | REASON]),
    "reason went": (
        lambda then: then["reasons"].append(
            then["reasons"][0] | {"code": "OLD_CODE", "path": "/service_lines/1/units", "clauses": ["OT-3", "OT-4"]}
        ),
        [{"what": "reason_removed", "code": "OLD_CODE", "clauses": "OT-3, OT-4", "path": "/service_lines/*/units"}],
    ),
    "clause": (
        lambda then: then["reasons"][0].update(clauses=["UM-1"]),
        [{"what": "reason_removed"} | REASON | {"clauses": "UM-1"}, {"what": "reason_added"} | REASON],
    ),
    "message": (
        lambda then: then["reasons"][0].update(message="x", remedy=None),
        [{"what": "reason_changed"} | REASON | {"fields": "message, remedy"}],
    ),
    "effect": (
        lambda then: then["reasons"][0].update(effect="pend", interpretation="INT-1"),
        [{"what": "reason_changed"} | REASON | {"fields": "effect, interpretation"}],
    ),
    "order": (lambda then: then["reasons"].reverse(), [{"what": "order_of_reasons"}]),
    "line status": (
        lambda then: then["lines"][0].update(status="pended", units_authorized=1),
        [
            {"what": "line", "field": "status", "then": "pended", "now": "denied"},
            {"what": "line", "field": "units_authorized", "then": 1, "now": 0},
        ],
    ),
    "line reasons": (
        lambda then: then["lines"][0].update(reasons=["OLD_CODE"]),
        [
            {"what": "line_reason_removed", "code": "OLD_CODE"},
            {"what": "line_reason_added", "code": "BENEFIT_NOT_COVERED"},
        ],
    ),
    "lines": (lambda then: then["lines"].pop(), [{"what": "number_of_lines"}]),
    "route": (lambda then: then.update(route={"chapter": SECRET, "network": None}), [{"what": "route"}]),
    "contact": (lambda then: then["contact"].update(name=SECRET), [{"what": "contact"}]),
    "id": (lambda then: then.update(request_id=SECRET), [{"what": "request_id"}]),
    "number": (
        lambda then: then["authorized"].update(units=0.0),
        [{"what": "authorized", "field": "units", "then": None, "now": 0}],
    ),
    "false for a number": (
        lambda then: then["authorized"].update(units=False),
        [{"what": "authorized", "field": "units", "then": None, "now": 0}],
    ),
    "line code": (
        lambda then: then["lines"][0].update(procedure_code=SECRET),
        [{"what": "line", "field": "procedure_code"}],
    ),
    "twice": (lambda then: then["reasons"].append(then["reasons"][0]), [{"what": "form"}]),
    "version": (lambda then: then.update(policy_version="0.9.0"), []),
}


CLAIM = json.loads((EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8")) | {
    "benefit_status": "not_covered"
}


def changed_decision(name: str, client: EmbeddedClient) -> Any:
    then = json.loads(json.dumps(client.decide(CLAIM)))
    change, _ = CHANGES[name]
    change(then)
    return then


@pytest.mark.parametrize("name", CHANGES)
def test_every_part_of_a_decision_is_compared(name: str, client: EmbeddedClient) -> None:
    found = differences_between(changed_decision(name, client) | {"policy_version": "0.9.0"}, client.decide(CLAIM))
    assert [dict(kind) for kind in found] == CHANGES[name][1]


def test_every_kind_of_difference_is_reported(client: EmbeddedClient, tmp_path: Path) -> None:
    requests, log = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_bytes((json.dumps(CLAIM) + "\n").encode() * len(CHANGES))
    log.write_bytes(b"".join(as_line(changed_decision(name, client)) for name in CHANGES))
    status, report = report_of(log, "--requests", requests)
    assert (status, report["different"], report["identical"]) == (1, len(CHANGES) - 1, 1)
    assert report["policy_versions"]["then"] == {"0.9.0": 1, VERSION: len(CHANGES) - 1}
    expected = [kind for _, kinds in CHANGES.values() for kind in kinds]
    for each in report["differences"]:
        count, first = each.pop("count"), each.pop("first")
        assert count == expected.count(each)
        assert first == {
            "line": 1 + [each in kinds for _, kinds in CHANGES.values()].index(True),
            "request": None,
        }
    assert len(report["differences"]) == len({json.dumps(kind, sort_keys=True) for kind in expected})

    written = run("replay", log, "--requests", requests).stdout.decode()
    assert written.count("(first: line ") == len(report["differences"])
    assert "1  outcome: pended -> denied (first: line 1)" in written
    assert "2  authorized units: not a whole number -> 0" in written
    assert "1  route: different" in written
    assert "1  reason changed: BENEFIT_NOT_COVERED (UM-2) at /benefit_status: different message, remedy" in written
    assert SECRET not in written


# --- Decisions that cannot be replayed


def test_what_the_log_does_not_hold_is_counted_and_never_compared(client: EmbeddedClient, tmp_path: Path) -> None:
    route = client.decide(ROUTE)
    refused = client.decide(None)
    log = tmp_path / "log"
    log.write_bytes(
        b"".join(
            [
                entry_of(ROUTE, route),
                entry_of("left out", route),
                entry_of(ROUTE, "left out"),
                entry_of({"requests": [ROUTE]}, [route, route], "therapy/decisions"),
                entry_of({"requests": [ROUTE]}, "left out", "therapy/decisions"),
                entry_of({"requests": [ROUTE, {"request_type": None}]}, [route, refused], "therapy/decisions"),
                entry_of(ROUTE | {"request_id": "x" * (1 << 20)}, route),
                entry_of(ROUTE, {**route, "outcome": "approved"}),
                entry_of(ROUTE, {**route, "outcome": []}),
                entry_of(ROUTE, []),
                entry_of(ROUTE, {**route, "policy_version": SECRET}),
                entry_of(ROUTE, {**route, "reasons": [{"code": SECRET}]}),
                entry_of(ROUTE, {**route, "reasons": None}),
                entry_of(ROUTE, {**route, "authorized": []}),
                entry_of(ROUTE, route, "system/authz/allow"),
            ]
        )
    )
    status, report = report_of(log)
    assert (report["identical"], report["different"], report["entries"], report["skipped"]["count"]) == (2, 0, 14, 1)
    assert {each["why"]: (each["count"], each["first"]["line"]) for each in report["not_replayable"]} == {
        "left_out": (3, 2),
        "no_decision": (9, 3),
        "refused": (1, 6),
        "too_large": (1, 7),
    }
    assert status == 0
    written = run("replay", log).stdout.decode()
    assert "(first: line 6, request 2)" in written


def test_nothing_of_a_request_is_told(client: EmbeddedClient, tmp_path: Path) -> None:
    request = json.loads((EXAMPLES / "pt_treatment_plan.json").read_text())
    request = with_secrets(request) | {"request_id": SECRET}
    then: Any = copy.deepcopy(client.decide(request))
    then["reasons"].append(
        {
            "code": "OLD_CODE",
            "effect": "pend",
            "clauses": [],
            "interpretation": SECRET,
            "message": SECRET,
            "remedy": SECRET,
            "path": f"/plan_of_care/{SECRET}/0",
        }
    )
    then |= {"request_id": "2", "contact": {SECRET: SECRET}}
    log = tmp_path / "log"
    log.write_bytes(entry_of(request, then) + f"{SECRET}\n{{{SECRET}\n".encode())
    for form in ([], ["--json"]):
        result = run("replay", log, *form)
        assert result.returncode == 1
        assert "/plan_of_care/*/*" in result.stdout.decode()
        assert SECRET not in (result.stdout + result.stderr).decode()


# --- Files that are not logs


def test_a_cut_line_is_named_and_the_rest_is_replayed(client: EmbeddedClient, tmp_path: Path) -> None:
    entry = entry_of(ROUTE, client.decide(ROUTE))
    log = tmp_path / "log"
    cut_off = ("missing because an entry is cut off", "1 entry cut off")
    damage = ("lost because the line is damaged", "1 line damaged")
    for damaged, (counted, error), line in (
        (entry + entry[:-9], cut_off, 2),
        (entry[9:] + entry, cut_off, 1),
        (entry + b'{"a": NaN}\n' + entry, damage, 2),
    ):
        log.write_bytes(damaged)
        result = run("replay", log)
        (written,) = [line for line in result.stdout.decode().splitlines() if counted in line]
        assert written.split()[0] == "1"
        assert written.endswith(f"(first: line {line})")
        assert result.stderr.decode().startswith(f"error: The log has {error} (first: line {line}), so decisions")
        assert result.returncode == 2
    different = client.decide(ROUTE) | {"route": None}
    log.write_bytes(entry_of(ROUTE, different) + entry[:-9])
    assert run("replay", log).returncode == 1


def test_the_last_line_needs_no_end(client: EmbeddedClient) -> None:
    result = run("replay", "-", stdin=entry_of(ROUTE, client.decide(ROUTE)).rstrip())
    assert result.returncode == 0
    assert "1  identical" in result.stdout.decode()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (b"", "standard input is empty"),
        (b"\n", "none of its 1 line is an entry"),
        (b"some text\n{}\n[]\n", "none of its 3 lines is an entry of OPA's decision log"),
        (b'{"level": "info", "msg": "Initializing server."}\n', "none of its 1 line is an entry"),
    ],
)
def test_a_log_without_decisions_is_no_log(log: bytes, said: str) -> None:
    result = run("replay", "-", stdin=log)
    assert said in one_error(result)
    assert result.returncode == 2


def test_a_log_with_only_invalid_requests_is_not_identical(client: EmbeddedClient) -> None:
    result = run("replay", "-", stdin=entry_of({"request_type": None}, client.decide(None)))
    assert b"0  identical" in result.stdout
    assert b"Nothing in the log can be replayed" in result.stderr
    assert result.returncode == 2


def test_requests_and_logs_that_do_not_belong_together(batch: Batch, sidecar_log: SidecarLog, tmp_path: Path) -> None:
    result = run("replay", batch.output)
    assert "Line 1 of " in one_error(result)
    assert "--requests IN.jsonl" in one_error(result)
    assert result.returncode == 2

    entry = tmp_path / "entry"
    entry.write_bytes(next(line for line in sidecar_log.lines if b"decision_id" in line))
    result = run("replay", entry, "--requests", batch.requests)
    assert "Line 1 of " in one_error(result)
    assert "Leave out --requests" in one_error(result)
    assert result.returncode == 2

    shorter = tmp_path / "shorter.jsonl"
    shorter.write_bytes(b"".join(batch.requests.read_bytes().splitlines(keepends=True)[:-1]))
    lines = shorter.read_bytes().count(b"\n")
    result = run("replay", batch.output, "--requests", shorter)
    assert f"{shorter} has {lines} requests and {batch.output} has more decisions" in one_error(result)
    result = run("replay", shorter, "--requests", batch.requests)
    assert f"{shorter} has {lines} decisions and {batch.requests} has more requests" in one_error(result)
    assert result.returncode == 2

    result = run("replay", "-", "--requests", "-")
    assert "Standard input cannot be both" in one_error(result)
    assert result.returncode == 2


def test_files_and_bundles_that_are_not_there(batch: Batch, tmp_path: Path) -> None:
    for arguments in (
        [tmp_path / "none"],
        [batch.output, "--requests", tmp_path / "none"],
        [batch.output, "--bundle", tmp_path / "none"],
    ):
        result = run("replay", *arguments)
        assert result.returncode == 2
        assert str(tmp_path / "none") in one_error(result)


def test_without_opa_another_bundle_cannot_decide(sidecar_log: SidecarLog, tmp_path: Path) -> None:
    result = run("replay", sidecar_log.path, "--bundle", ROOT / "policies", OPA=str(tmp_path))
    assert result.returncode == 3
    assert result.stderr.startswith(b"error: ")
    assert run("replay", sidecar_log.path, OPA=str(tmp_path), PATH=str(tmp_path)).returncode == 0


# --- Long logs


@pytest.fixture(scope="module")
def long_log(sidecar_log: SidecarLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of about 30 MB."""
    path = tmp_path_factory.mktemp("long") / "long.log"
    log = sidecar_log.path.read_bytes()
    path.write_bytes(log * (30_000_000 // len(log) + 1))
    return path


def peak_kilobytes(log: Path) -> int:
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen([*COMMAND, "replay", str(log)], stdout=null, stderr=null, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_log(sidecar_log: SidecarLog, long_log: Path, tmp_path: Path) -> None:
    shorter = tmp_path / "shorter"
    log = sidecar_log.path.read_bytes()
    shorter.write_bytes(log * (8_000_000 // len(log) + 1))
    assert peak_kilobytes(long_log) < peak_kilobytes(shorter) + 20_000


def test_progress_is_shown_in_a_terminal(long_log: Path) -> None:
    status, written = run_in_terminal("replay", long_log, COLUMNS="100")
    assert status == 0
    assert " MB" in written
    assert re.search(r" [0-9,]+ decisions, [1-9][0-9,]*/s", written)
    assert "0  different" in written


def test_ctrl_c_stops_it_quietly(sidecar_log: SidecarLog) -> None:
    process = start("replay", "-")
    assert process.stdin is not None
    process.stdin.write(sidecar_log.path.read_bytes())  # more than a pipe holds, so it is read
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, b"", b"")
