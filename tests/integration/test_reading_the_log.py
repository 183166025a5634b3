"""What footfall reads from Delta's log is what Spark says of the table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from footfall.settings import get_settings
from footfall.spark.delta_log import read_delta_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = "delta_log_test.loads"


@pytest.fixture
def folder(spark: SparkSession) -> Iterator[Path]:
    """A table of more files than a checksum lists, with deletion vectors, behind a checkpoint."""
    # Without data skipping Delta cannot read deletion vectors.
    skipping = "spark.databricks.delta.stats.skipping"
    before = spark.conf.get(skipping, "true")
    spark.conf.set(skipping, "true")
    spark.sql("create schema delta_log_test")
    spark.sql(
        f"create table {TABLE} (visit bigint, _load_id bigint, day int) using delta "
        "partitioned by (day) tblproperties "
        "('delta.checkpointInterval' = '2', 'delta.enableDeletionVectors' = 'true')"
    )
    for load_id in (1, 2):
        spark.sql(f"insert into {TABLE} select id, {load_id}, id % 30 from range(300)")
    spark.sql(f"delete from {TABLE} where visit = 7 or day = 3")
    spark.sql(f"insert into {TABLE} values (1000, 3, 5)")
    yield get_settings().local_warehouse / "delta_log_test.db" / "loads"
    spark.sql("drop schema delta_log_test cascade")
    spark.conf.set(skipping, str(before))


def test_rows_size_and_newest_load_are_sparks(spark: SparkSession, folder: Path) -> None:
    found = read_delta_table(folder)
    assert found
    assert "allFiles" not in found.checksum
    detail = spark.sql(f"describe detail {TABLE}").first()
    totals = spark.sql(f"select count(*), max(_load_id) from {TABLE}").first()
    assert detail
    assert totals
    assert (found.rows, found.largest("_load_id")) == tuple(totals) == (579, 3)
    assert found.size_bytes == detail["sizeInBytes"]
    assert len(found.files or ()) == detail["numFiles"]
    assert found.properties == detail["properties"]
    # Delta cleans old commits up: the checkpoint holds what they said.
    (folder / "_delta_log" / f"{0:020}.json").unlink()
    again = read_delta_table(folder)
    assert again
    assert again.rows == found.rows


def test_parquet_has_statistics_of_times_from_the_first_year_to_the_last(
    spark: SparkSession, folder: Path
) -> None:
    times = ["0001-01-01 00:00:00", "1582-10-10 00:00:00", "9999-12-31 23:59:59.999999"]
    values = ", ".join(f"timestamp'{time}'" for time in times)
    spark.sql(
        f"create table delta_log_test.times using delta as select explode(array({values})) as at"
    )
    [file] = (folder.parent / "times").glob("*.parquet")
    column = pq.ParquetFile(file).metadata.row_group(0).column(0)
    assert column.physical_type == "INT64"
    assert column.statistics.has_min_max
    as_text = spark.sql("select cast(at as string) as at from delta_log_test.times order by at")
    assert [row["at"] for row in as_text.collect()] == times
