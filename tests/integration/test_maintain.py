"""Maintenance on real Delta tables: what is merged, what is left, and who writes beside it."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.maintain import maintain
from footfall.settings import get_settings
from footfall.spark.compaction import SMALL_FILES, plan_compaction
from footfall.spark.conflicts import run_statement
from footfall.spark.delta_log import LOG, newest_version, read_delta_table
from support.answer import Footfall
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENTS = "keep_silver.events"
PRODUCTS = "keep_gold.fct_product_daily"
"""The name of a model with ``zorder_by``."""
COUNTRY = "Côte d'Ivoire"


@pytest.fixture
def schemas(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "keep")
    get_settings.cache_clear()
    for schema in ("keep_silver", "keep_gold"):
        spark.sql(f"create schema {schema}")
    yield
    for schema in ("keep_silver", "keep_gold"):
        spark.sql(f"drop schema {schema} cascade")
    monkeypatch.undo()
    get_settings.cache_clear()


def fill(
    spark: SparkSession, table: str, columns: str, files: int, second: str, partition: str = ""
) -> None:
    """Append files with a row each: 0, 1, 2 … and the second column."""
    clause = f"partitioned by ({partition})" if partition else ""
    spark.sql(f"create table if not exists {table} ({columns}) using delta {clause}")
    rows = spark.range(0, files, 1, files).selectExpr("cast(id as int) as id", second)
    rows.write.insertInto(table)


@pytest.fixture
def events(spark: SparkSession, schemas: None) -> Path:
    """A table with many small files of one country and two files of another; its folder."""
    fill(spark, EVENTS, "id int, country string", SMALL_FILES, f'"{COUNTRY}"', "country")
    fill(spark, EVENTS, "id int, country string", 2, "cast(null as string)", "country")
    return get_settings().local_warehouse / "keep_silver.db" / "events"


def files_by_partition(folder: Path) -> Counter[str | None]:
    table = read_delta_table(folder)
    assert table is not None and table.files is not None
    return Counter(file["partitionValues"]["country"] for file in table.files)


def test_the_partitions_with_many_small_files_are_merged_once(
    spark: SparkSession, events: Path, footfall: Footfall
) -> None:
    products = get_settings().local_warehouse / "keep_gold.db" / "fct_product_daily"
    fill(spark, PRODUCTS, "id int, product_id string", SMALL_FILES, "concat('p', id)")
    versions = [newest_version(folder) for folder in (events, products)]

    foreseen = {
        result["table"]: result for result in footfall("maintain", "--dry-run", "--json").json
    }
    assert [newest_version(folder) for folder in (events, products)] == versions
    done = {result["table"]: result for result in footfall("maintain", "--json").json}

    assert files_by_partition(events) == {COUNTRY: 1, None: 2}
    assert done[EVENTS]["optimize"] == (f"OPTIMIZE {EVENTS} WHERE `country` = 'Côte d\\'Ivoire'")
    assert done[PRODUCTS]["optimize"] == f"OPTIMIZE {PRODUCTS} ZORDER BY (`product_id`)"
    for table, files_left in ((EVENTS, 3), (PRODUCTS, 1)):
        assert foreseen[table]["optimize"] == done[table]["optimize"]
        assert foreseen[table]["files_after"] == done[table]["files_after"] == files_left
        assert foreseen[table]["bytes_after"] is None
        assert 0 < done[table]["bytes_after"] < done[table]["bytes_before"]
    rows = spark.sql(f"select count(*), count(country), sum(id) from {EVENTS}").collect()
    assert tuple(rows[0]) == (SMALL_FILES + 2, SMALL_FILES, sum(range(SMALL_FILES)) + 1)
    for table, folder in ((EVENTS, events), (PRODUCTS, products)):
        log = read_delta_table(folder)
        assert log is not None
        assert plan_compaction(table, log) is None


def test_an_optimize_that_fails_is_named_and_nothing_else_stops(
    spark: SparkSession, events: Path, footfall: Footfall
) -> None:
    table = read_delta_table(events)
    assert table is not None and table.files is not None
    lost = next(file for file in table.files if file["partitionValues"]["country"] == COUNTRY)
    [file] = events.rglob(Path(lost["path"]).name)
    content = file.read_bytes()
    file.unlink()
    answer = footfall("maintain")
    file.write_bytes(content)
    assert answer.exit_code == 0
    assert f"OPTIMIZE {EVENTS}" in answer.out
    assert f"VACUUM {EVENTS}" in answer.out
    assert files_by_partition(events)[COUNTRY] == SMALL_FILES


def test_no_commit_of_a_writer_beside_it_is_lost(spark: SparkSession, events: Path) -> None:
    appended, replaced, failed = 12, 3, []

    def write() -> None:
        try:
            for number in range(appended):
                run_statement(spark, f"insert into {EVENTS} values ({100 + number}, 'new')")
                if number % (appended // replaced) == 0:
                    run_statement(
                        spark,
                        f"insert into {EVENTS} replace where country = 'replaced' "
                        f"select {number}, 'replaced'",
                    )
        except Exception as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    merged = 0
    while writer.is_alive():
        [result] = maintain(spark)
        merged += result.optimize is not None and result.problem is None
    writer.join()
    assert not failed
    assert merged
    rows = spark.sql(f"select country, collect_list(id) as ids from {EVENTS} group by 1").collect()
    found = {row["country"]: sorted(row["ids"]) for row in rows}
    assert found == {
        COUNTRY: list(range(SMALL_FILES)),
        None: [0, 1],
        "new": list(range(100, 100 + appended)),
        "replaced": [appended - appended // replaced],
    }


@only_thorough
def test_delta_cuts_the_log_of_commits_older_than_thirty_days(
    spark: SparkSession, events: Path
) -> None:
    spark.sql(f"alter table {EVENTS} set tblproperties ('delta.checkpointInterval' = '5')")
    for number in range(3):
        spark.sql(f"insert into {EVENTS} values ({number}, 'old')")
    long_ago = time.time() - 40 * 24 * 3600
    for place, file in enumerate(sorted((events / LOG).iterdir())):
        if file.is_file():
            os.utime(file, (long_ago + place, long_ago + place))
    # Delta's own memory of the table still has the times before.
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]
    for number in range(SMALL_FILES + 1):
        spark.sql(f"insert into {EVENTS} values ({number}, 'new')")
    assert not (events / LOG / f"{1:020}.json").exists()
    [result] = maintain(spark)
    assert result.files_before == SMALL_FILES + 2 + 3 + SMALL_FILES + 1
    assert result.files_after == 1 + 2 + 3 + 1
