"""What became of a run's nodes is recorded, and what goes wrong with that fails no run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from footfall.errors import FootfallError
from footfall.project.tables import LAYERS, list_tables
from support.data_sets import DataSet
from support.databricks_on_spark import databricks_on_spark
from support.law import append_loads, as_arrow
from support.projects import project_with
from support.thorough import only_thorough

FILES = {
    "models/one_row.sql": "select 1 as one",
    "models/no_row.sql": (
        "{% if execute %}"
        r"""{{ exceptions.raise_compiler_error("it's a \\ and\na % " * 100) }}"""
        "{% endif %}"
    ),
    "models/after_no_row.sql": "select * from {{ ref('no_row') }}",
    "data_tests/singular/assert_no_row.sql": "select * from {{ ref('one_row') }}",
}
NODES = "select {} from {{quality}}.dq_run_results order by node, run_started_at"


@pytest.fixture
def data(data_set: Callable[[str], DataSet]) -> Iterator[DataSet]:
    """An empty data set of a project with nodes that succeed and fail."""
    with project_with(FILES):
        made = data_set("run_results")
        made.drop_all()
        yield made


def recorded(data: DataSet, columns: str) -> list[tuple[Any, ...]]:
    return data.rows(NODES.format(columns))


def test_a_failing_test_and_a_passing_model_are_a_row_each(data: DataSet) -> None:
    begun = datetime.now(timezone.utc).replace(tzinfo=None)
    with pytest.raises(FootfallError, match="assert_no_row"):
        data.dbt("build", "--select", "one_row", "assert_no_row")
    assert recorded(data, "node_id, node, kind, status, row_count, message") == [
        ("test.footfall.assert_no_row", "assert_no_row", "test", "fail", 1,
         "Got 1 result, configured to fail if != 0"),
        ("model.footfall.one_row", "one_row", "model", "success", None, None),
    ]  # fmt: skip
    runs = recorded(data, "invocation_id, run_started_at, started_at, seconds")
    [(invocation, run_started_at)] = {row[:2] for row in runs}
    assert len(invocation) == 36
    for _, _, started_at, seconds in runs:
        assert begun < run_started_at < started_at and 0 < seconds < 60
        assert started_at < begun + timedelta(minutes=5)


@only_thorough
def test_a_message_keeps_its_characters_and_is_cut(data: DataSet) -> None:
    with pytest.raises(FootfallError, match="no_row"):
        data.dbt("run", "--select", "no_row", "after_no_row")
    skipped, failed = recorded(data, "node, status, started_at is null, message")
    assert skipped == ("after_no_row", "skipped", True, None)
    assert failed[:3] == ("no_row", "error", False)
    assert r"it's a \ and a % it's a \ and a % " in failed[3]
    assert len(failed[3]) == 1000 and failed[3].endswith("…")


@only_thorough
def test_a_source_that_is_late_is_a_row(data: DataSet) -> None:
    entity, now = "product.interactions", datetime.now(timezone.utc)
    row = {"event_time": now, "user_id": "U", "product_id": "P", "interaction_type": "view"}
    rows = as_arrow(entity, [row]).append_column("_load_id", pa.array([1], pa.int64()))
    for days, status in ((0, "pass"), (2, "warn"), (5, "error")):
        data.drop_all()
        loaded_at = pa.array([now - timedelta(days=days)], pa.timestamp("us", "UTC"))
        append_loads(data, entity, rows.append_column("_ingested_at", loaded_at))
        with pytest.raises(FootfallError) if status == "error" else nullcontext():
            data.dbt("source", "freshness", "--select", f"source:{entity}")
        [(node, kind, told, message)] = recorded(data, "node, kind, status, message")
        assert (node, kind, told) == (entity, "source", status)
        assert message == (None if status == "pass" else f"newest load at {loaded_at[0]}")


@only_thorough
def test_results_are_kept_for_a_bounded_time_in_few_files(data: DataSet) -> None:
    for _ in range(2):
        data.dbt("run", "--select", "one_row")
    table = data.name("quality", "dq_run_results")
    old = "current_timestamp() - interval {} days"
    for days in (29, 31):
        data.spark.sql(
            f"insert into {table} (node, run_started_at) values ('{days} days', {old.format(days)})"
        )
    few = "{optimize_small_files: 5, run_results_kept_days: 30}"
    data.dbt("run", "--select", "one_row", "--vars", few)
    assert recorded(data, "node") == [("29 days",), *[("one_row",)] * 3]
    files = "count(distinct _metadata.file_path)"
    assert data.rows(f"select {files} from {{quality}}.dq_run_results") == [(1,)]


@only_thorough
def test_the_sql_of_dbt_databricks_records_them_too(data: DataSet) -> None:
    for layer in LAYERS:
        data.spark.sql(f"create schema if not exists {data.settings.schema_of(layer)}")
    with databricks_on_spark(data.spark):
        data.dbt("run", "--select", "one_row", "--target", "databricks")
    assert recorded(data, "node, status") == [("one_row", "success")]


@only_thorough
def test_nothing_is_recorded_where_nothing_is_kept(data: DataSet) -> None:
    data.dbt("run", "--select", "one_row", "--vars", "run_results_kept_days: 0")
    data.dbt("run", "--select", "one_row", "--empty")
    tables = [name for _, name in list_tables(data.spark, data.settings)]
    assert data.name("quality", "dq_run_results") not in tables


@only_thorough
def test_a_table_that_cannot_be_written_fails_no_run(data: DataSet) -> None:
    data.spark.sql(f"create schema {data.settings.schema_of('quality')}")
    table = data.name("quality", "dq_run_results")
    data.spark.sql(f"create table {table} (other int) using delta")
    data.dbt("run", "--select", "one_row")
    assert data.rows("select * from {quality}.dq_run_results") == []
