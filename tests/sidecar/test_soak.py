"""The short form of `make soak`, and that it notices what must not be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import RunningSidecar
from therapy_policy import EmbeddedClient
from tools.sections import with_section
from tools.soak.__main__ import HEADING, PAGE
from tools.soak.callers import Callers, Question, questions_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    with EmbeddedClient() as client:
        return questions_of(client)


def test_under_load_and_faults_each_request_ends_as_it_must(tmp_path: Path) -> None:
    measured = tmp_path / "soak.json"
    soak = [sys.executable, "-m", "tools.soak", "--short", "--json", str(measured)]
    page = PAGE.read_bytes()
    done = subprocess.run(soak, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(measured.read_text())
    assert result["problems"] == []
    ends = {fault["name"]: fault["ends"] for fault in result["faults"]}
    # The faults happened: without a second sidecar, calls failed.
    for name in ("OPA stopped with SIGSTOP", "`serve` killed with SIGKILL", "no answers", "half answers"):
        assert ends[name].keys() > {"decided"}, ends
    (stages,) = result["rounds"]
    assert stages["twice the most"]["refused"] > 0
    assert PAGE.read_bytes() == page


def test_it_notices_a_wrong_decision(sidecar: RunningSidecar, questions: list[Question]) -> None:
    changed = [Question(request, decision.replace(': "', ': "x')) for request, decision in questions]
    with Callers([changed], [sidecar.url], deadline_seconds=60) as callers:
        while not callers.calls:
            time.sleep(0.02)
    assert any("a wrong decision" in problem for problem in callers.problems())


def test_new_figures_replace_the_last_ones() -> None:
    page = "# Page\n\n## Under load and faults\n\nlast\n\n## When X, do Y\n\nrest\n"
    section = "## Under load and faults\n\nnew\n"
    assert (
        with_section(page, HEADING, section) == "# Page\n\n## Under load and faults\n\nnew\n\n## When X, do Y\n\nrest\n"
    )
