"""Spark's configuration for one machine, for a cluster, and with a metastore server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footfall.errors import UsageError
from footfall.settings import Settings, get_settings
from footfall.spark.conf import session_conf
from footfall.spark.session import get_session


def conf(home: Path, **more: Any) -> dict[str, str]:
    settings = Settings(home=home, cores=2, driver_memory_gib=1, tiny_tables=False, **more)
    return session_conf(settings, [settings.jars / "a.jar", settings.jars / "b.jar"], [])


def test_by_default_tasks_run_in_this_process_and_nothing_listens_elsewhere(tmp_path: Path) -> None:
    local = conf(tmp_path)
    assert local["spark.master"] == "local[2]"
    assert local["spark.driver.host"] == local["spark.driver.bindAddress"] == "127.0.0.1"
    assert local["spark.sql.shuffle.partitions"] == "4"
    assert not [key for key in local if key.startswith(("spark.executor", "spark.jars"))]


def test_a_cluster_gets_the_jars_from_the_driver_and_partitions_for_its_cores(
    tmp_path: Path,
) -> None:
    cluster = conf(
        tmp_path,
        spark_master="spark://a.example:7077,b.example:7077",
        driver_host="10.0.0.5",
        executors=30,
        executor_cores=5,
        executor_memory_gib=17,
    )
    assert cluster["spark.master"] == "spark://a.example:7077,b.example:7077"
    assert cluster["spark.driver.bindAddress"] == "10.0.0.5"
    assert cluster["spark.cores.max"] == "150"
    assert cluster["spark.executor.memory"] == "17g"
    assert cluster["spark.sql.shuffle.partitions"] == "300"
    names = [uri.rsplit("/", 1)[1] for uri in cluster["spark.jars"].split(",")]
    assert names == ["a.jar", "b.jar"]
    assert not [key for key in cluster if key.startswith("spark.executor") and "/" in cluster[key]]


def test_a_large_shuffle_goes_into_as_many_parts_as_told(tmp_path: Path) -> None:
    told = conf(tmp_path, shuffle_partitions=3750)
    assert told["spark.sql.shuffle.partitions"] == "3750"
    assert told["spark.sql.adaptive.coalescePartitions.initialPartitionNum"] == "3750"
    # A task would open 3,750 files at once.
    assert told["spark.shuffle.sort.bypassMergeThreshold"] == "200"


@pytest.mark.parametrize("master", ["spark://a.example:7077", "yarn", "k8s://https://a:6443"])
def test_a_cluster_elsewhere_needs_an_address_at_which_it_reaches_the_driver(
    tmp_path: Path, master: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path))
    monkeypatch.setenv("FOOTFALL_SPARK_MASTER", master)
    get_settings.cache_clear()
    with pytest.raises(UsageError, match="FOOTFALL_DRIVER_HOST is missing") as refusal:
        get_settings()
    assert master in refusal.value.message
    monkeypatch.setenv("FOOTFALL_DRIVER_HOST", "10.0.0.5")
    assert get_settings().uses_cluster
    get_settings.cache_clear()


def test_a_cluster_on_this_machine_reaches_it_by_itself(tmp_path: Path) -> None:
    assert Settings(home=tmp_path, spark_master="spark://127.0.0.1:7077").uses_cluster


@pytest.mark.parametrize(
    "master", ["spark", "spark://host", "http://host:1", "local[2] x", "mesos"]
)
def test_what_is_no_master_is_refused_with_examples(
    tmp_path: Path, master: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path))
    monkeypatch.setenv("FOOTFALL_SPARK_MASTER", master)
    get_settings.cache_clear()
    with pytest.raises(UsageError, match="spark://host:7077"):
        get_settings()
    get_settings.cache_clear()


def test_a_metastore_server_takes_the_place_of_the_home_s_own(tmp_path: Path) -> None:
    served = conf(tmp_path, metastore_uri="thrift://127.0.0.1:9083")
    assert served["spark.hadoop.hive.metastore.uris"] == "thrift://127.0.0.1:9083"
    assert "spark.hadoop.javax.jdo.option.ConnectionURL" not in served


def test_what_streams_or_calls_java_refuses_a_spark_connect_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://host:15002;token=secret")
    with pytest.raises(UsageError, match="SPARK_REMOTE=sc://host:15002 is") as refusal:
        get_session(Settings(home=tmp_path))
    assert "secret" not in refusal.value.message
    assert list(tmp_path.iterdir()) == []
