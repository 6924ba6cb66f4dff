"""A decision depends on the request and the bundle alone: a rule that asks anything else does not build."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from therapy_policy import BundleNotUsable
from therapy_policy.policy import bundles

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.mark.parametrize(
    "question",
    ["time.now_ns()", 'http.send({"url": "http://127.0.0.1", "method": "GET"})', 'rand.intn("x", 4)', "opa.runtime()"],
)
def test_clock_network_and_chance_do_not_build(tmp_path: Path, question: str) -> None:
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    bundles.load(str(policies))
    (policies / "therapy/asking.rego").write_text(f"package therapy.asking\n\nanswer := {question}\n", encoding="utf-8")
    with pytest.raises(BundleNotUsable, match="undefined function"):
        bundles.load(str(policies))
