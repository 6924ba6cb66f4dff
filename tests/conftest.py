"""What all tests share: Hypothesis profiles, and one real sidecar."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.running import RunningSidecar, running_sidecar
from therapy_policy import SidecarClient

SECONDS = 60.0  # for one exchange with the sidecar: far more than it takes, even on a machine that is busy

settings.register_profile("quick", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("glance", max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("proof", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with running_sidecar(tmp_path_factory.mktemp("sidecar") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def asking_sidecar(sidecar: RunningSidecar) -> Iterator[SidecarClient]:
    with SidecarClient(sidecar.url, deadline_seconds=SECONDS) as client:
        yield client
