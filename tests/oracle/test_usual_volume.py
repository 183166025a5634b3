"""The data test ``usual_volume``: quiet on weeks as ever, and not on a day with too few rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest

from footfall.generate import generate
from support.data_sets import DataSet
from support.law import append_load, as_arrow
from support.thorough import only_thorough

pytestmark = only_thorough

ENTITY = "product.interactions"
MODEL = "stg_product__interactions"
FIRST, DAYS = date(2025, 6, 2), 42
ONLY = ("--vars", "sources: [product]", "--select")


def few_days(data: DataSet) -> list[tuple[date, int, float]]:
    """Return the rows on which the test of the built table fails."""
    ran = data.dbt("test", *ONLY, f"test_name:usual_volume,{MODEL}").results
    [result] = [result for result in ran if result.node.resource_type == "test"]
    assert str(result.status) == ("warn" if result.failures else "pass")
    return sorted(data.rows(result.node.compiled_code))


@pytest.fixture(scope="module")
def data(data_set: Callable[[str], DataSet], tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Six generated weeks, of whose last day only the first minutes have arrived."""
    folder = tmp_path_factory.mktemp("weeks")
    generate(folder, days=DAYS, users=500, seed=3, start=FIRST)
    rows = pq.read_table(folder / "product" / "interactions")
    made, schema = data_set("usual_volume"), as_arrow(ENTITY, []).schema
    append_load(made, ENTITY, 1, rows.select(schema.names).cast(schema))
    made.build(*ONLY, MODEL)
    delete(made, FIRST + timedelta(days=DAYS - 1), "hour(event_time) > 0")
    return made


def delete(data: DataSet, day: date, rows: str = "true") -> None:
    staged = data.name("silver", MODEL)
    data.spark.sql(f"delete from {staged} where event_date = date'{day}' and {rows}")


def test_usual_weeks_are_quiet(data: DataSet) -> None:
    assert few_days(data) == []


def test_a_day_with_too_few_rows_and_one_without_any_are_told(data: DataSet) -> None:
    newest = FIRST + timedelta(days=DAYS - 1)
    few, none, long_ago = (newest - timedelta(days=days) for days in (2, 5, 9))
    delete(data, few, "minute(event_time) % 10 > 2")
    delete(data, none)
    delete(data, long_ago)
    (first, first_count, _), (second, second_count, usual) = few_days(data)
    assert (first, first_count, second) == (none, 0, few)
    assert 0 < second_count < 0.5 * usual
