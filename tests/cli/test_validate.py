"""`therapy-policy validate`: the errors that the engine reports, found with only the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.strategies import json_values, nearly_valid_requests, valid_requests
from tests.cli.command import EXAMPLES, as_printed, run
from therapy_policy import EmbeddedClient
from therapy_policy.client.validation import parse, validation_errors

VISIT: dict[str, Any] = json.loads((EXAMPLES / "pt_visit.json").read_text(encoding="utf-8"))

NUMBERS = [
    *("4", "4.0", "4.00", "-0", "-0.0", "0", "0.0", "-4", "100", "4.5", "0.1", "4.0000000000000000000001"),
    *("4e0", "4E0", "40e-1", "0.4e1", "1e-400", "1e99999999", "1" * 5000, "4." + "0" * 5000),
]


def agree(client: EmbeddedClient, text: str) -> None:
    """The schema and the engine report the same paths, in the same order, with the same expectations."""
    found = validation_errors(parse(text))
    reasons = [reason for reason in client.decide_text(text)["reasons"] if reason["code"] == "REQUEST_INVALID"]
    assert [misfit.path for misfit in found] == [reason["path"] for reason in reasons]
    for misfit, reason in zip(found, reasons, strict=True):
        assert misfit.expected in str(reason["remedy"])


@given(request=nearly_valid_requests())
def test_the_schema_and_the_engine_agree_on_nearly_valid_requests(client: EmbeddedClient, request: Any) -> None:
    agree(client, json.dumps(request))


@given(request=st.one_of(json_values(), valid_requests()))
def test_the_schema_and_the_engine_agree_on_anything(client: EmbeddedClient, request: Any) -> None:
    agree(client, json.dumps(request))


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_read_as_they_are_written(client: EmbeddedClient, number: str) -> None:
    """In a field from 0 to 99."""
    text = json.dumps(VISIT | {"visit": VISIT["visit"] | {"units_already_authorized": "NUMBER"}})
    agree(client, text.replace('"NUMBER"', number))


def test_each_error_is_explained_in_words() -> None:
    result = run("validate", EXAMPLES / "bad_request.json")
    assert (result.returncode, result.stderr) == (1, b"")
    text = result.stdout.decode()
    assert text.startswith("9 errors:\n")
    for place in (
        "/visit/number\n  expected: a whole number from 1 to 999, in plain digits\n  found: a number with an exponent",
        "/visit/units\n  expected: a whole number from 1 to 99, in plain digits\n  found: a text of 1 character\n",
        "/member_number\n  expected: the request without this field\n"
        "  found: an unknown field: a text of 8 characters\n",
        "/prior_visits\n  expected: an object (the visits already used under this authorization)\n  found: nothing\n",
        "/tier\n  expected: acute or nonacute\n  found: a text of 7 characters\n",
    ):
        assert place in text
    for value in ("withheld", "2026-02-30", "chronic"):
        assert value not in text


def test_json_for_programs() -> None:
    result = run("validate", EXAMPLES / "bad_request.json", "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert result.stdout == as_printed(found)
    assert found[4] == {
        "path": "/service_date",
        "expected": "a calendar date from 1900 to 2099, in the form YYYY-MM-DD",
        "found": "a text of 10 characters",
    }
    valid = run("validate", EXAMPLES / "pt_visit.json", "--json")
    assert (valid.returncode, valid.stdout) == (0, b"[]\n")


def test_a_valid_request() -> None:
    result = run("validate", EXAMPLES / "pt_extension.json")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"The request is valid.\n", b"")


def test_a_file_without_a_request() -> None:
    result = run("validate", "-", stdin=b"[1, 2]")
    assert result.returncode == 1
    assert b"(the whole request)" in result.stdout
    assert b"found: a list of 2 elements" in result.stdout


def test_no_engine_is_needed(tmp_path: Path) -> None:
    result = run("validate", EXAMPLES / "pt_visit.json", OPA=str(tmp_path), PATH=str(tmp_path))
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (None, "null"),
        (True, "true or false"),
        (4.5, "a number with a fraction"),
        (10**30, "a very large number"),
        (100, "a whole number"),
        ("", "a text of 0 characters"),
        ([1], "a list of 1 element"),
        ({}, "an object"),
    ],
)
def test_the_value_is_described(wrong: Any, found: str) -> None:
    (misfit,) = validation_errors(parse(json.dumps(VISIT | {"visit": VISIT["visit"] | {"units": wrong}})))
    assert (misfit.path, misfit.found) == ("/visit/units", found)
