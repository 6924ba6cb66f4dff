"""A small Spark cluster on this machine, for tests and measurements: a standalone master, and workers of one core.

Master, workers and executors are processes of their own, as on many machines. They use about 0.6 GB for each worker.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyspark
from pyspark.sql import SparkSession

SPARK_CLASS = Path(pyspark.__file__).parent / "bin/spark-class"
START_SECONDS = 120.0
EXECUTOR_MEMORY = "512m"
# What an application on the cluster needs. The executors use this Python, and find the package where it does.
CONFIGURATION = {
    "spark.driver.memory": "512m",
    "spark.executor.memory": EXECUTOR_MEMORY,
    "spark.executor.cores": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
ENVIRONMENT = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_DAEMON_MEMORY": "128m",
    "PYSPARK_PYTHON": sys.executable,
    "PYTHONWARNINGS": "default",
}


@dataclass
class Cluster:
    """A running cluster: the URL of its master, the directory of its logs, and the process of each worker."""

    url: str
    directory: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill_worker(self, index: int) -> None:
        """Kill a worker with its executors and their Python processes, as when its machine loses power."""
        for process in self.processes_of(index):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.workers[index].wait()

    def processes_of(self, index: int) -> list[psutil.Process]:
        """Return the process of a worker and all below it; none if it was killed."""
        if self.workers[index].poll() is not None:
            return []  # by now, another process may have its number
        try:
            worker = psutil.Process(self.workers[index].pid)
            return [worker, *worker.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def processor_seconds(self) -> float:
        """Return the processor time that the workers' processes have used, with that of ended processes below them."""
        total = 0.0
        for index in range(len(self.workers)):
            for process in self.processes_of(index):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += sum(process.cpu_times()[:4])
        return total

    def start_worker(self) -> None:
        """Start one more worker, and wait until the master has registered it."""
        name = f"worker-{len(self.workers)}"
        options = ["--cores", "1", "--memory", EXECUTOR_MEMORY, "--work-dir", str(self.directory / name)]
        self.workers.append(_start("worker.Worker", [*options, self.url], self.directory / f"{name}.log"))
        _wait_for("Successfully registered with master", self.directory / f"{name}.log", self.workers[-1])


@contextlib.contextmanager
def running_cluster(directory: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a master and workers, ready for applications, and stop them with all their processes afterwards.

    Raises `RuntimeError` if there is no Java, or if Spark does not start.
    """
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        raise RuntimeError("Spark needs Java 17 or newer. Install it, or set JAVA_HOME.")
    port = _free_port()
    log = directory / "master.log"
    master = _start("master.Master", ["--port", str(port)], log)
    cluster = Cluster(f"spark://127.0.0.1:{port}", directory)
    try:
        _wait_for("I have been elected leader", log, master)
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        for index in range(len(cluster.workers)):
            cluster.kill_worker(index)
        master.send_signal(signal.SIGTERM)
        master.wait(30)


def _start(role: str, options: list[str], log: Path) -> subprocess.Popen[bytes]:
    command = [str(SPARK_CLASS), f"org.apache.spark.deploy.{role}", "--host", "127.0.0.1", "--webui-port", "0"]
    with log.open("wb") as stream:
        return subprocess.Popen([*command, *options], stdout=stream, stderr=stream, env=os.environ | ENVIRONMENT)


def _wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while text not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Spark did not start: {log.read_text(errors='replace')}")
        time.sleep(0.1)


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def session(cluster: Cluster, *, cores: int = 2) -> Iterator[SparkSession]:
    """Start an application with some cores of the cluster, and stop it afterwards."""
    builder = SparkSession.builder.master(cluster.url).config("spark.cores.max", str(cores))
    for name, value in CONFIGURATION.items():
        builder = builder.config(name, value)
    running = builder.getOrCreate()
    try:
        yield running
    finally:
        running.stop()
