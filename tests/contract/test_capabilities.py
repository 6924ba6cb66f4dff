"""A decision depends on the request and the bundle alone: a rule that asks anything else does not build."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import generate
from therapy_policy.opa import find_opa

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.mark.parametrize(
    "question",
    ["time.now_ns()", 'http.send({"url": "http://127.0.0.1", "method": "GET"})', 'rand.intn("x", 4)', "opa.runtime()"],
)
def test_clock_network_and_chance_do_not_build(tmp_path: Path, question: str) -> None:
    opa = find_opa()
    capabilities = tmp_path / "capabilities.json"
    capabilities.write_text(json.dumps(generate.without_surprises(opa)), encoding="utf-8")
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    check: list[str | Path] = [opa, "check", "--bundle", "--capabilities", capabilities, policies]
    assert subprocess.run(check, capture_output=True).returncode == 0
    (policies / "therapy/asking.rego").write_text(f"package therapy.asking\n\nanswer := {question}\n", encoding="utf-8")
    refused = subprocess.run(check, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "undefined function" in refused.stderr
