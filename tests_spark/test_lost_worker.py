"""A machine of the cluster is lost in the middle of a run."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

from tests_spark.requests import decided
from therapy_policy.spark import decide
from tools.bench_spark import distinct_visits
from tools.spark_cluster import Cluster

REQUESTS, PARTITIONS = 12_000, 24
SECONDS = 300.0


def test_a_killed_worker_loses_nothing_and_duplicates_nothing(
    spark: SparkSession, cluster: Cluster, tmp_path: Path
) -> None:
    texts = [json.dumps(request) for request in distinct_visits(0, REQUESTS)]
    requests = spark.createDataFrame([(text,) for text in texts], "value string").repartition(PARTITIONS)
    tracker = spark.sparkContext.statusTracker()

    def run() -> None:
        spark.sparkContext.setJobGroup("run", "")
        decide(requests, text_column="value", decision_texts=True).write.parquet(str(tmp_path / "out"))

    def tasks() -> tuple[int, int]:
        """How many tasks of the deciding stage have ended, and how many have failed."""
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup("run")]
        stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
        deciding = [stage for stage in stages if stage and stage.numTasks == PARTITIONS and stage.numActiveTasks]
        return sum(each.numCompletedTasks for each in deciding), sum(each.numFailedTasks for each in deciding)

    running = threading.Thread(target=run)
    running.start()
    deadline = time.monotonic() + SECONDS
    while tasks()[0] < 2:
        assert running.is_alive(), "the run ended before a worker could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    cluster.kill_worker(1)
    failed = 0
    while running.is_alive():
        assert time.monotonic() < deadline
        failed = max(failed, tasks()[1])
        running.join(0.1)
    assert failed, "no task of the killed worker was repeated"
    found = spark.read.parquet(str(tmp_path / "out")).collect()
    decisions = {row["request_id"]: json.loads(row["decision"]) for row in found}
    assert len(found) == REQUESTS
    assert decisions == {each["request_id"]: each for each in decided([text.encode() for text in texts])}
    cluster.start_worker()
