"""The data test ``usual_volume``: quiet on weeks as ever, and not on a day with too few rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone

import pyarrow as pa
import pytest

from support.data_sets import DataSet
from support.law import append_load, as_arrow

ENTITY = "product.interactions"
MODEL = "stg_product__interactions"
MONDAY, WEEKS = date(2025, 3, 3), 6
ONLY = ("--vars", "sources: [product]", "--select")
LAST = MONDAY + timedelta(weeks=WEEKS, days=-1)
"""The newest day, which is still being delivered."""


def interactions(day: date, count: int) -> pa.Table:
    start = datetime.combine(day, time(), timezone.utc)
    return as_arrow(
        ENTITY,
        [
            {
                "event_time": start + timedelta(seconds=number),
                "user_id": f"U{number % 9}",
                "product_id": "P",
                "interaction_type": "view",
            }
            for number in range(count)
        ],
    )


def usual_count(day: date, rng: random.Random) -> int:
    """Return 240 rows of a weekday, 120 of a Saturday or Sunday, or up to a fifth more or less."""
    return round((120 if day.weekday() >= 5 else 240) * rng.uniform(0.8, 1.2))


def few_days(data: DataSet) -> list[tuple[date, int, float]]:
    """Return the rows on which the test of the built table fails."""
    ran = data.dbt("test", *ONLY, f"test_name:usual_volume,{MODEL}").results
    [result] = [result for result in ran if result.node.resource_type == "test"]
    assert str(result.status) == ("warn" if result.failures else "pass")
    return sorted(data.rows(result.node.compiled_code))


@pytest.fixture(scope="module")
def data(data_set: Callable[[str], DataSet]) -> DataSet:
    """Six weeks, the last day of which has hardly begun."""
    made, rng = data_set("usual_volume"), random.Random(1)
    days = [MONDAY + timedelta(days=number) for number in range(7 * WEEKS)]
    counts = [3 if day == LAST else usual_count(day, rng) for day in days]
    rows = [interactions(day, count) for day, count in zip(days, counts, strict=True)]
    append_load(made, ENTITY, 1, pa.concat_tables(rows))
    made.build(*ONLY, MODEL)
    return made


def test_usual_weeks_are_quiet(data: DataSet) -> None:
    assert few_days(data) == []


def test_a_day_with_too_few_rows_and_one_without_any_are_told(data: DataSet) -> None:
    few, none, long_ago = (LAST - timedelta(days=days) for days in (2, 5, 9))
    staged = data.name("silver", MODEL)
    second = "second(event_time) + 60 * minute(event_time)"
    data.spark.sql(f"delete from {staged} where event_date = date'{few}' and {second} >= 90")
    for day in (none, long_ago):
        data.spark.sql(f"delete from {staged} where event_date = date'{day}'")
    found = few_days(data)
    assert [(day, count) for day, count, _ in found] == [(none, 0), (few, 90)]
    assert all(190 < usual < 290 for _, _, usual in found)
