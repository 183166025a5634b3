"""The main job on a stand-alone cluster: the tables and the export are those of one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from footfall.settings import PROJECT_DIR
from support.cluster import Cluster, running_cluster
from support.delta_files import read_table, table_folders
from support.thorough import only_thorough

pytestmark = [only_thorough, pytest.mark.timeout(3600)]

UNSAID = {"_ingested_at", "ingested_at", "_source_file", "source_file", "_load_id", "load_id"}
"""When and where a row arrived; entities that load side by side take their turns as they come."""
OF_THE_RUN = ("dq_ingested_files", "dq_ingest_batches")
STEPS = ("ingest", "dbt build", "export sequences")
Home = tuple[dict[str, Counter[str]], Counter[str]]


def demo(home: Path, **more: str) -> subprocess.Popen[str]:
    """Start the main job on little data in a home of its own."""
    environment = os.environ | {
        "FOOTFALL_HOME": str(home),
        "FOOTFALL_CACHE": os.environ.get("FOOTFALL_CACHE", str(PROJECT_DIR / ".footfall/cache")),
        "FOOTFALL_DRIVER_MEMORY_GIB": "2",
        "FOOTFALL_JIT_LEVEL": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "footfall", "demo", "--days", "3", "--users", "60"],
        env=environment | more,
        cwd=PROJECT_DIR,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finished(job: subprocess.Popen[str]) -> None:
    output, _ = job.communicate(timeout=1500)
    assert job.returncode == 0, output[-4000:]


def contents(home: Path) -> Home:
    """Return the rows of all tables, and those of the export, as bags."""
    tables = {}
    for name, folder in table_folders(home / "warehouse").items():
        table = read_table(folder)
        if table and not name.endswith(OF_THE_RUN):
            table.check()
            tables[name] = table.rows(UNSAID)
    exported: Counter[str] = Counter()
    for file in (home / "demo" / "sequences").glob("*.parquet"):
        exported.update(map(repr, pq.read_table(file).to_pylist()))
    assert len(tables) > 40 and exported
    return tables, exported


def unlike(found: Home, expected: Home) -> list[str]:
    tables, exported = found
    assert set(tables) == set(expected[0])
    different = [name for name, rows in tables.items() if rows != expected[0][name]]
    return different + ([] if exported == expected[1] else ["the export"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """What one machine makes of it."""
    home = tmp_path_factory.mktemp("local")
    finished(demo(home))
    return contents(home)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def on(cluster: Cluster) -> dict[str, str]:
    return {
        "FOOTFALL_SPARK_MASTER": cluster.url,
        "FOOTFALL_EXECUTORS": "3",
        "FOOTFALL_EXECUTOR_CORES": "1",
        "FOOTFALL_EXECUTOR_MEMORY_GIB": "1",
    }


def test_the_main_job_on_a_cluster_equals_that_on_one_machine(
    cluster: Cluster, expected: Home, tmp_path: Path
) -> None:
    finished(demo(tmp_path, **on(cluster)))
    assert cluster.executors_started() >= 3
    assert unlike(contents(tmp_path), expected) == []


def test_a_worker_that_is_lost_in_each_step_costs_no_row(
    cluster: Cluster, expected: Home, tmp_path: Path
) -> None:
    job = demo(tmp_path, **on(cluster))
    output, lost = "", []
    assert job.stdout is not None
    for line in job.stdout:
        output += line
        if step := next((name for name in STEPS if line.strip() == f"▸ {name}"), None):
            time.sleep(3)
            cluster.kill_worker()
            cluster.add_worker()
            lost.append(step)
    assert job.wait(60) == 0, output[-4000:]
    assert lost == list(STEPS)
    assert unlike(contents(tmp_path), expected) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_driver_that_is_killed_and_started_again_costs_no_row(
    step: str, cluster: Cluster, expected: Home, tmp_path: Path
) -> None:
    job = demo(tmp_path, **on(cluster))
    assert job.stdout is not None
    for line in job.stdout:
        if line.strip() == f"▸ {step}":
            time.sleep(4)
            os.kill(job.pid, signal.SIGKILL)
            break
    assert job.wait(60) == -signal.SIGKILL
    finished(demo(tmp_path, **on(cluster)))
    assert unlike(contents(tmp_path), expected) == []
