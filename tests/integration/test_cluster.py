"""The main job on a stand-alone cluster: the tables and the export are those of one machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster, running_cluster
from support.main_job import Home, contents, demo, finished, unlike
from support.thorough import only_thorough

pytestmark = [only_thorough, pytest.mark.timeout(3600)]

STEPS = ("ingest", "dbt build", "export sequences")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def test_the_main_job_on_a_cluster_equals_that_on_one_machine(
    cluster: Cluster, expected: Home, tmp_path: Path
) -> None:
    finished(demo(tmp_path, **cluster.environment))
    assert cluster.executors_started() >= 3
    assert unlike(contents(tmp_path), expected) == []


def test_a_worker_that_is_lost_in_each_step_costs_no_row(
    cluster: Cluster, expected: Home, tmp_path: Path
) -> None:
    job = demo(tmp_path, **cluster.environment)
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
    job = demo(tmp_path, **cluster.environment)
    assert job.stdout is not None
    for line in job.stdout:
        if line.strip() == f"▸ {step}":
            time.sleep(4)
            os.kill(job.pid, signal.SIGKILL)
            break
    assert job.wait(60) == -signal.SIGKILL
    finished(demo(tmp_path, **cluster.environment))
    assert unlike(contents(tmp_path), expected) == []
