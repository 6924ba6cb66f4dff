"""A new interpreter and a fork of the imported program, which most tests use, do the same for each command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, ROOT, environment, run
from tests.cli.releases import MINUTES
from tests.cli.test_help import COMMANDS

CASES = {
    "decide": ["examples/pt_visit.json"],
    "batch": ["examples/claims.jsonl", "--output", "-"],
    "bulk": ["examples/claims.jsonl", "--output", "{tmp}/decisions.parquet", "--workers", "1"],
    "explain": ["examples/pt_visit.json"],
    "validate": ["examples/bad_request.json"],
    "questionnaire": ["pt_referral"],
    "questionnaire-response": ["examples/pt_referral.json"],
    "request-from": ["examples/pt_referral.json"],  # not a response
    "metrics": ["examples/claims.jsonl"],  # not a log
    "replay": ["examples/claims.jsonl", "--bundle", "policies"],  # not a log
    "source-check": ["examples/pt_visit.json"],
    "check": ["policies"],
    "diff": ["policies", "policies", "--quick", "--type", "referral_route"],
    "accept": ["--date", "2026-02-30", "--yes"],  # not a date
    "history": [],
    "review": ["--output", "/dev/null"],  # not a directory
    "sign-off": ["INT-1", "--by", "a.person", "--on", "2026-11-27", "--verdict", "confirmed"],  # not in the roster
    "serve": ["--bundle", "/dev/null"],  # not a bundle
}


def test_every_command_is_here() -> None:
    assert CASES.keys() == set(COMMANDS)


@pytest.mark.parametrize("command", CASES)
def test_a_new_interpreter_and_a_fork_do_the_same(command: str, tmp_path: Path) -> None:
    arguments = [command, *(each.format(tmp=tmp_path) for each in CASES[command])]
    started = subprocess.run(
        [*COMMAND, *arguments], input=b"", capture_output=True, cwd=ROOT, env=environment(), timeout=MINUTES
    )
    for file in tmp_path.iterdir():
        file.unlink()
    forked = run(*arguments, seconds=MINUTES)
    assert forked.returncode == started.returncode
    assert forked.stdout == started.stdout
    assert without_rates(forked.stderr) == without_rates(started.stderr)


def without_rates(errors: bytes) -> list[bytes]:
    """The lines that do not say how fast something was."""
    return [line for line in errors.splitlines() if b" a second" not in line and b"/s" not in line]
