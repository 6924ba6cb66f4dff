"""`therapy-policy answer`: the decision that `decide` prints, with its standard answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import EXAMPLES, as_printed, one_error, run
from therapy_policy import EmbeddedClient

if TYPE_CHECKING:
    from tests.running import RunningSidecar


@pytest.mark.parametrize(("name", "status"), [("pediatric_ot_claim", 0), ("pt_referral", 0), ("bad_request", 1)])
def test_embedded_and_sidecar_print_the_same_bytes(
    name: str, status: int, client: EmbeddedClient, sidecar: RunningSidecar
) -> None:
    path = EXAMPLES / f"{name}.json"
    embedded = run("answer", path)
    asked = run("answer", "-", "--sidecar", sidecar.url, stdin=path.read_bytes())
    assert embedded.stdout == asked.stdout == as_printed(client.answer_text(path.read_bytes()))
    assert embedded.stderr == asked.stderr == b""
    assert embedded.returncode == asked.returncode == status
    assert json.loads(embedded.stdout)["decision"] == json.loads(run("decide", path).stdout)


def test_numbers_reach_the_engine_as_they_are_written() -> None:
    text = (EXAMPLES / "pt_visit.json").read_text(encoding="utf-8").replace('"units": 4', '"units": 4e0')
    result = run("answer", "-", stdin=text.encode())
    assert result.returncode == 1
    answer = json.loads(result.stdout)["answer"]
    assert (answer["action"], [reason["path"] for reason in answer["reasons"]]) == (None, ["/visit/units"])


def test_a_policy_without_answers_is_one_error() -> None:
    result = run("answer", EXAMPLES / "pt_visit.json", "--bundle", "2.0.4", seconds=120)
    assert result.returncode == 3
    assert result.stdout == b""
    assert b"policy 2.0.4, but gives no standard answers. They come with policy 2.1.0" in result.stderr
    assert b"Traceback" not in result.stderr


def test_a_file_without_a_request_is_one_error_that_quotes_nothing() -> None:
    result = run("answer", "-", stdin=b'{"diagnosis": "Keanu",}')
    assert result.returncode == 2
    assert "Keanu" not in one_error(result)
