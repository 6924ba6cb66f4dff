"""A real OPA with a bundle that nobody checked: a number that cannot be used grants nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.servers import running
from tests.running import free_port
from therapy_policy import SidecarClient
from therapy_policy.policy import bundles
from therapy_policy.toolchain.opa import find_opa

ROOT = Path(__file__).parents[2]
# The 71st treatment visit, of a request that has everything else.
VISIT: dict[str, Any] = json.loads((ROOT / "examples/pt_visit.json").read_text(encoding="utf-8")) | {
    "visit": {"number": 72, "kind": "treatment", "units": 4, "units_already_authorized": 0},
    "progress_note_number": 72,
    "prior_visits": {"evaluation": 1, "treatment": 70},
}


@pytest.fixture(scope="module")
def misspelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarClient]:
    """A sidecar whose parameters have `treatmnt` for `treatment`."""
    root = tmp_path_factory.mktemp("misspelled")
    shutil.copytree(ROOT / "policies", root / "policies")
    parameters = root / "policies/therapy/parameters/data.yaml"
    text = parameters.read_text(encoding="utf-8")
    assert "treatment:" in text
    parameters.write_text(text.replace("treatment:", "treatmnt:"), encoding="utf-8")
    archive = root / "bundle.tar.gz"
    archive.write_bytes(bundles.load(str(root), checked=False).archive)
    with running(find_opa(), free_port(), "--bundle", str(archive)) as client:
        yield client


def codes(decision: Any) -> set[str]:
    return {reason["code"] for reason in decision["reasons"]}


def test_by_the_policy_of_this_repository_the_visit_is_denied(asking_sidecar: SidecarClient) -> None:
    decision = asking_sidecar.decide(VISIT)
    assert (decision["outcome"], codes(decision)) == ("denied", {"PT_TREATMENT_VISIT_LIMIT"})


def test_a_number_that_cannot_be_used_pends_the_visit(misspelled: SidecarClient) -> None:
    (of_batch,) = misspelled.decide_many([VISIT])
    for decision in (misspelled.decide(VISIT), of_batch):
        assert (decision["outcome"], codes(decision)) == ("pended", {"POLICY_VALUE_UNUSABLE"})
        authorized = decision["authorized"]
        assert (authorized["units"], authorized["treatment_visits"], authorized["evaluation_visits"]) == (0, 0, 0)


def test_what_does_not_read_the_number_is_still_decided(misspelled: SidecarClient) -> None:
    assert misspelled.decide({"request_type": "referral_route", "island": "oahu"})["outcome"] == "routed"
