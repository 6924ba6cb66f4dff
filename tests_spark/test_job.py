"""The job, submitted to the cluster as docs/spark.md shows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pyspark

from tests_spark.requests import BROKEN, CLAIMS, columns_of, decided
from therapy_policy.spark import job
from tools.spark_cluster import CONFIGURATION, ENVIRONMENT, Cluster

SUBMIT = Path(pyspark.__file__).parent / "bin/spark-submit"


def submit(cluster: Cluster, *options: str) -> subprocess.CompletedProcess[str]:
    configuration = [part for name, value in CONFIGURATION.items() for part in ("--conf", f"{name}={value}")]
    command = [str(SUBMIT), "--master", cluster.url, *configuration, job.__file__, *options]
    return subprocess.run(command, env=os.environ | ENVIRONMENT, text=True, capture_output=True, timeout=300)


def test_the_job_writes_what_the_embedded_client_decides(cluster: Cluster, tmp_path: Path) -> None:
    texts = [b"\xef\xbb\xbf" + CLAIMS[0].encode(), *(text.encode() for text in CLAIMS[1:]), *BROKEN]
    (tmp_path / "requests.jsonl").write_bytes(b"\n".join(texts) + b"\n")
    output = tmp_path / "decisions"
    options = ["--input", str(tmp_path / "requests.jsonl"), "--output", str(output), "--decisions", "--keep", "value"]
    done = submit(cluster, *options)
    assert done.returncode == 0, done.stderr
    texts[0] = CLAIMS[0].encode()
    expected = decided(texts)
    found = pq.read_table(output).to_pylist()
    assert len(found) == len(expected)
    for row in found:
        decision = expected[texts.index(row.pop("value"))]
        assert json.loads(row.pop("decision")) == decision
        assert row == columns_of(decision)
    authorized = sum(decision["outcome"] == "authorized" for decision in expected)
    assert done.stdout.splitlines()[0] == f"{len(expected)} decisions -> {output}"
    assert f"{authorized} authorized" in done.stdout

    missing = submit(cluster, "--input", str(tmp_path / "missing.jsonl"), "--output", str(tmp_path / "other"))
    assert missing.returncode == 2
    # spark-submit writes what the job writes to standard error to its standard output.
    assert f"error: {tmp_path / 'missing.jsonl'} does not exist. Give --input" in missing.stdout

    again = submit(cluster, *options)
    assert again.returncode == 2
    assert f"error: {output} already exists. Give another name, or use --force." in again.stdout
