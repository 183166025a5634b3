"""A stand-alone Spark cluster on this machine, out of pyspark's own classes, on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyspark

from footfall.spark.background import free_port
from footfall.spark.java import find_java_home

SPARK_HOME = Path(pyspark.__file__).parent
START_SECONDS = 60


class Cluster:
    """A master and workers of one core and one GiB each.

    Args:
        folder: for logs and the workers' files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.master = self._start(
            "master", "master.Master", "--port", str(self.port), "--webui-port", "0"
        )
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a driver that uses three executors."""
        return {
            "FOOTFALL_SPARK_MASTER": self.url,
            "FOOTFALL_EXECUTORS": "3",
            "FOOTFALL_EXECUTOR_CORES": "1",
            "FOOTFALL_EXECUTOR_MEMORY_GIB": "1",
        }

    def add_worker(self) -> None:
        name = f"worker-{len(self.workers)}"
        size = ("--cores", "1", "--memory", "1g", "--webui-port", "0")
        self.workers.append(self._start(name, "worker.Worker", *size, self.url))
        self._await(name, "Successfully registered with master")

    def kill_worker(self) -> None:
        """Kill the oldest worker that lives, and its executors with it, as a lost machine does."""
        worker = next(worker for worker in self.workers if worker.poll() is None)
        for process in (*psutil.Process(worker.pid).children(recursive=True), worker):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        for process in (*self.workers, self.master):
            process.terminate()
        for process in (*self.workers, self.master):
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()

    def executors_started(self) -> int:
        """Return how many executors workers have launched so far."""
        logs = self.folder.glob("worker-*.log")
        return sum(log.read_text().count("Asked to launch executor") for log in logs)

    def _start(self, name: str, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "JAVA_HOME": str(find_java_home()),
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_WORKER_DIR": str(self.folder / "work"),
            "SPARK_DAEMON_MEMORY": "256m",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    SPARK_HOME / "bin" / "spark-class",
                    f"org.apache.spark.deploy.{kind}", "--host", "127.0.0.1", *arguments,
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )  # fmt: skip

    def _await(self, name: str, line: str) -> None:
        log = self.folder / f"{name}.log"
        deadline = time.monotonic() + START_SECONDS
        while line not in log.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name}:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)


@contextmanager
def running_cluster(folder: Path, workers: int = 3) -> Iterator[Cluster]:
    """Start a cluster, and end it behind."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder)
    try:
        cluster._await("master", "I have been elected leader")
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.stop()
