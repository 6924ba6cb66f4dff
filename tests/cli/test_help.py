"""What a person sees who asks for help, and what the shell completes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.cli.command import COMMAND, environment, run

COMMANDS = (
    "decide",
    "batch",
    "bulk",
    "explain",
    "validate",
    "questionnaire",
    "questionnaire-response",
    "request-from",
    "metrics",
    "replay",
    "source-check",
    "check",
    "diff",
    "accept",
    "history",
    "review",
    "sign-off",
    "serve",
    "serve-fhir",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_paragraph_of_help_is_not_broken_into_short_lines(command: str) -> None:
    # A line of help may end early only where its paragraph ends.
    text = run(command, "--help", COLUMNS="100").stdout.decode()
    about = text[text.index(command) :].partition("╭")[0]
    paragraphs = re.split(r"\n\s*\n", about.strip())[1:]
    assert len(paragraphs) >= 2
    for paragraph in paragraphs:
        *full, _ = (line.rstrip() for line in paragraph.splitlines())
        following = [line.split()[0] for line in paragraph.splitlines()[1:]]
        for line, word in zip(full, following, strict=True):
            assert len(line) + 1 + len(word) > 97, f"a short line: {line!r}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_its_arguments_once(command: str) -> None:
    assert "[[" not in run(command, "--help").stdout.decode()


def test_python_dash_m_is_the_command() -> None:
    by_module = subprocess.run(
        [sys.executable, "-m", "therapy_policy", "--help"], capture_output=True, env=environment()
    )
    assert by_module.returncode == 0
    assert by_module.stdout == run("--help").stdout


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("therapy-policy de", {"decide"}),
        ("therapy-policy s", {"serve", "serve-fhir", "sign-off", "source-check"}),
        ("therapy-policy x", set()),
    ],
)
def test_the_shell_completes_commands(typed: str, expected: set[str]) -> None:
    completion = environment(
        _THERAPY_POLICY_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1)
    )
    done = subprocess.run(COMMAND, capture_output=True, env=completion, timeout=20)
    assert set(done.stdout.decode().split()) == expected, done.stderr.decode()
    assert not any(b"Traceback" in stream for stream in (done.stdout, done.stderr))


def test_the_completion_of_a_shell_can_be_printed() -> None:
    # The shell is found among the parents of the process. The second command keeps bash from becoming the first one.
    show = [*COMMAND, "--show-completion"]
    script = subprocess.run(["bash", "-c", '"$@" && true', "bash", *show], capture_output=True, env=environment())
    printed = script.stdout.decode()
    assert script.returncode == 0, script.stderr.decode()
    assert "_THERAPY_POLICY_COMPLETE=complete_bash" in printed
    assert os.linesep in printed
