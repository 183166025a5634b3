"""What the jobs of databricks.yml do on a cluster, on open-source Spark.

A cluster differs in that Spark runs before footfall does, with a catalog and a file system of its
own, and that the home is an empty folder. Of Databricks itself this shows nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.demo import SEED, START
from footfall.errors import FootfallError
from footfall.settings import PROJECT_DIR, get_settings
from footfall.spark.session import get_session
from support.main_job import DAYS, USERS, Home, contents, environment, finished, start, unlike
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def on_a_cluster(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setenv("DATABRICKS_CATALOG", "spark_catalog")
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.usefixtures("on_a_cluster")
def test_the_session_is_the_cluster_s_and_the_home_stays_empty(
    spark: SparkSession, tmp_path: Path
) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    assert get_session() is spark
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("on_a_cluster")
def test_a_catalog_that_cannot_be_used_is_named(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_CATALOG", "no_such_catalog")
    get_settings.cache_clear()
    with pytest.raises(FootfallError, match="DATABRICKS_CATALOG=no_such_catalog"):
        get_session()
    assert spark.catalog.currentCatalog() == "spark_catalog"


@only_thorough
def test_the_daily_job_gives_the_tables_of_one_machine(expected: Home, tmp_path: Path) -> None:
    cluster, empty = tmp_path / "cluster", tmp_path / "empty"
    landing, export = tmp_path / "landing", cluster / "demo" / "sequences"
    made = ["--days", str(DAYS), "--users", str(USERS), "--seed", str(SEED), "--start", str(START)]
    env = environment(cluster, PYTHONPATH=str(PROJECT_DIR / "tests"))
    finished(start(["generate", "--out", str(landing), *made], env))
    jobs = [str(PROJECT_DIR / "tests" / "support" / "databricks_jobs.py"), str(landing)]
    ended = subprocess.run(
        [sys.executable, *jobs, str(export), str(empty), str(START)],
        env=env, cwd=PROJECT_DIR, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]
    assert unlike(contents(cluster), expected) == []
    # The cluster's disk goes with it: nothing that lasts may lie there.
    assert not (empty / "warehouse").exists()
