"""One cluster for all tests: a master and two workers, each a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from tools.spark_cluster import ENVIRONMENT, Cluster, running_cluster, session


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    os.environ.update(ENVIRONMENT)
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def spark(cluster: Cluster) -> Iterator[SparkSession]:
    """An application with both workers. Each module has one, because it leaves nothing to others."""
    with session(cluster) as running:
        yield running
