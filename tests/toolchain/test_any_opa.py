"""`therapy-policy serve` with a version of OPA that the policy was not proven on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import free_port, running_sidecar
from therapy_policy import SidecarClient
from therapy_policy.toolchain.opa import PROVEN, find_opa


@pytest.fixture
def unproven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real OPA that prints another version, in $OPA."""
    opa = tmp_path / "opa"
    opa.write_text(f"#!/bin/sh\n[ $1 = version ] && echo 'Version: 1.100.0' && exit\nexec '{find_opa()}' \"$@\"\n")
    opa.chmod(0o755)
    monkeypatch.setenv("OPA", str(opa))
    return opa


def test_it_is_refused(unproven: Path) -> None:
    command = [sys.executable, "-m", "therapy_policy", "serve", "--port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{unproven} is not used: it is OPA 1.100.0, and this policy was not proven on it." in done.stderr
    assert f"Use {PROVEN}." in done.stderr


def test_any_opa_runs_it_with_a_warning(unproven: Path, tmp_path: Path) -> None:
    with (
        running_sidecar(tmp_path / "log", "--any-opa") as running,
        SidecarClient(running.url, deadline_seconds=60) as client,
    ):
        assert client.decide({"request_type": "referral_route", "island": "oahu"})["outcome"] == "routed"
    assert "Warning: this policy was not proven on OPA 1.100.0" in (tmp_path / "log").read_text()
