"""What all tests share: Hypothesis profiles, one real sidecar, and one review site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.cli.command import run
from tests.running import RunningSidecar, running_sidecar
from tests.sharing import made_once
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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The review site, as the command writes it."""

    def write(directory: Path) -> None:
        done = run("review", "--output", directory)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode() == f"{directory / 'index.html'}\n"

    return made_once(tmp_path_factory, "review-site", write)
