"""`therapy-policy explain`: a decision in words."""

from __future__ import annotations

import io
import json
import re
from typing import Any, cast

import pytest

from tests.cli.command import EXAMPLES, ROOT, run, run_in_terminal
from therapy_policy import Decision, EmbeddedClient
from therapy_policy.explain import explain

REGISTER = json.loads((ROOT / "python/therapy_policy/policy/packaged/data.json").read_text(encoding="utf-8"))[
    "therapy"
]["register"]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def flat(text: str) -> str:
    """A text without line breaks and layout."""
    return " ".join(text.split())


def explained(decision: Decision, width: int = 400) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    explain(decision, console)
    return cast(io.StringIO, console.file).getvalue()


def test_a_claim() -> None:
    result = run("explain", EXAMPLES / "pediatric_ot_claim.json")
    text = flat(result.stdout.decode())
    assert (result.returncode, result.stderr) == (0, b"")
    assert "Pediatric OT claim 2026-03-1001 is authorized in part." in text
    assert "4 units (60 minutes), procedure codes 97129, 97130, 97530; at most 4 units (60 minutes) in a visit" in text
    for line in (
        "1 97129 1 1 authorized",
        "2 97130 2 1 partially authorized OT_UNITS_OVER_VISIT_LIMIT",
        "3 97530 2 2 authorized",
        "4 97140 1 0 denied OT_CODE_NOT_LISTED",
    ):
        assert line in text
    denied, pended = text.split("Denied because")[1].split("Pended because")
    assert "service lines › 4 › procedure code (/service_lines/3/procedure_code)" in denied
    assert f"clause OT-3 {REGISTER['clauses']['OT-3']['summary']}" in denied
    assert "service lines › 2 › units (/service_lines/1/units)" in pended
    assert f"INT-2 {REGISTER['interpretations']['INT-2']['silence']}" in pended
    assert REGISTER["interpretations"]["INT-2"]["choice"] in pended
    assert "fax 1-808-432-5691 or 1-808-432-5667" in text


def test_a_referral() -> None:
    text = flat(run("explain", EXAMPLES / "pt_referral.json").stdout.decode())
    assert "is authorized." in text
    assert "1 evaluation visit, 5 treatment visits; at most 4 units (60 minutes) in a visit" in text
    assert "chapter 17 of the Affiliated Practitioner Manual, Neighbor Island Network" in text
    assert "Also note" in text
    assert "contact" not in text


def test_a_reason_without_a_remedy_says_why() -> None:
    text = flat(run("explain", EXAMPLES / "pt_extension.json").stdout.decode())
    assert REGISTER["reason_codes"]["EXT_READY_FOR_CLINICAL_REVIEW"]["no_remedy_because"] in text


def test_an_invalid_request() -> None:
    result = run("explain", EXAMPLES / "bad_request.json")
    assert result.returncode == 1
    text = flat(result.stdout.decode())
    assert "Outpatient PT visit 2026-03-1008 was not evaluated" in text
    assert "visit › units (/visit/units)" in text
    assert "a whole number from 1 to 99, in plain digits" in text
    assert "withheld" not in text


def test_the_sidecar_gives_the_same_explanation(sidecar: Any) -> None:
    path = EXAMPLES / "pt_continuation.json"
    assert run("explain", path, "--sidecar", sidecar.url).stdout == run("explain", path).stdout


@pytest.mark.parametrize("line", range(1, 1 + len((EXAMPLES / "claims.jsonl").read_bytes().splitlines()), 3))
def test_every_reason_is_explained_with_its_basis(line: int, client: EmbeddedClient) -> None:
    request = (EXAMPLES / "claims.jsonl").read_bytes().splitlines()[line - 1]
    decision = client.decide_text(request if request.endswith(b"}") else b"null")
    text = flat(explained(decision))
    for reason in decision["reasons"]:
        for told in (reason["code"], reason["message"], reason["remedy"] or "", f"({reason['path']})"):
            assert told in text or not reason["path"]
        for clause in reason["clauses"]:
            assert f"clause {clause} {REGISTER['clauses'][clause]['summary']}" in text
        if reason["interpretation"]:
            assert REGISTER["interpretations"][reason["interpretation"]]["choice"] in text
    for service_line in decision["lines"]:
        assert f"{service_line['line']} {service_line['procedure_code']} {service_line['units_requested']}" in text


def test_reasons_that_differ_only_in_the_path_are_merged(client: EmbeddedClient) -> None:
    decision = client.decide(
        {"request_type": "pt_treatment_plan", "service_date": "2026-03-02", "specialty": "none"}
        | {"benefit_status": "covered"}
    )
    assert len(decision["reasons"]) == 7
    text = explained(decision)
    assert text.count(decision["reasons"][0]["message"]) == 1
    for reason in decision["reasons"]:
        assert f"({reason['path']})" in text


def test_a_newer_policy_in_the_sidecar(client: EmbeddedClient) -> None:
    decision = client.decide_text((EXAMPLES / "pediatric_ot_claim.json").read_bytes())
    newer = json.loads(json.dumps(decision).replace("OT-3", "OT-99").replace("INT-2", "INT-99"))
    newer["policy_version"] = "99.0.0"
    newer["reasons"][0]["code"] = "OT_NEW_CODE"
    text = flat(explained(newer))
    assert "version 99.0.0; the clause summaries below are from version" in text
    for told in ("OT-99", "INT-99", "OT_NEW_CODE"):
        assert told in text


def test_a_request_that_is_only_sent_on_is_not_said_to_authorize_nothing() -> None:
    request = {"request_type": "referral_route", "island": "lanai"}
    text = run("explain", "-", stdin=json.dumps(request).encode()).stdout.decode()
    assert "Affiliated Practitioner Manual" in text
    assert "REF-2" in text
    assert "nothing" not in text


def test_free_text_is_not_repeated() -> None:
    request = (EXAMPLES / "pt_treatment_plan.json").read_text(encoding="utf-8")
    assert "Total knee replacement" in request
    assert b"Total knee replacement" not in run("explain", "-", stdin=request.encode()).stdout


def test_a_request_cannot_steer_the_terminal() -> None:
    request = {
        "request_type": "referral_route",
        "request_id": "\x1b[31m[bold]\n\u202e",
        "island": "\x1b[31moahu",
        "\x1b]0;name\x07": 1,
    }
    for command in ("explain", "validate"):
        result = run(command, "-", stdin=json.dumps(request).encode(), COLUMNS="200")
        assert result.returncode == 1
        assert b"\x1b" not in result.stdout
        assert b"\\x1b]0;name\\x07" in result.stdout
        assert b"[bold]" not in result.stdout  # a request_id that is not valid is not repeated


@pytest.mark.parametrize("width", [40, 120])
def test_it_keeps_to_the_width(width: int) -> None:
    for name in ("pediatric_ot_claim", "bad_request"):
        lines = run("explain", EXAMPLES / f"{name}.json", COLUMNS=str(width)).stdout.decode().splitlines()
        assert max(map(len, lines)) <= width
        assert all(line == line.rstrip() for line in lines)


def test_colors_are_for_terminals() -> None:
    path = EXAMPLES / "pt_visit.json"
    assert b"\x1b" not in run("explain", path).stdout
    status, coloured = run_in_terminal("explain", path)
    assert status == 0
    assert COLOUR.search(coloured)
    assert not COLOUR.search(run_in_terminal("explain", path, NO_COLOR="1")[1])
    assert "\x1b" not in run_in_terminal("explain", path, TERM="dumb")[1]
