"""`footfall drift`: a drift that was planted in a table is told, recorded and fails the command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from footfall.settings import get_settings
from support.answer import Footfall

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = "drifting.fct_orders"
FIRST, DAYS, ROWS = date(2025, 3, 1), 35, 60


@pytest.fixture(scope="module")
def orders(spark: SparkSession) -> Iterator[None]:
    """Five weeks of orders; in the last, most come from one country, and all else is as ever."""
    rng = np.random.default_rng(3)
    rows = [
        (
            FIRST + timedelta(days=day),
            int(rng.integers(1, 1_000_000)),
            float(rng.lognormal(3, 1)) if rng.random() < 0.9 else None,
            str(rng.choice(["SE", "NO", "DK"], p=[0.8, 0.1, 0.1] if day >= 28 else None)),
            f"note {rng.integers(10_000)}",
            [1],
        )
        for day in range(DAYS)
        for _ in range(ROWS)
    ]
    columns = "event_date date, order_id int, amount double, country string, note string"
    spark.sql("create schema drifting")
    frame = spark.createDataFrame(rows, f"{columns}, items array<int>")
    frame.write.format("delta").saveAsTable(TABLE)
    yield
    spark.sql("drop schema drifting cascade")


def test_a_planted_drift_fails_the_command_and_is_recorded(
    spark: SparkSession, orders: None, footfall: Footfall
) -> None:
    told = footfall("drift", TABLE, "--fail", "--json")
    report = told.json
    assert told.exit_code == 1 and f"1 column of {TABLE} drifted: country." in told.err
    assert {c["column_name"]: (c["test"], c["is_drifted"]) for c in report["columns"]} == {
        "amount": ("kolmogorov_smirnov", False),
        "country": ("chi_squared", True),
    }
    assert report["passed_over"] == {
        "order_id": "an id", "note": "more than 100 values", "items": "type array<int>",
    }  # fmt: skip
    recorded = spark.table(f"{get_settings().schema_of('quality')}.dq_feature_drift")
    rows = {row["column_name"]: row for row in recorded.collect()}
    assert set(rows) == {"amount", "country"}
    for column in report["columns"]:
        row = rows[column["column_name"]]
        assert {name: row[name] for name in column} == column
        assert row["run_id"] == report["run_id"] and row["p_threshold"] == 0.005
        assert (row["reference_start"], row["reference_rows"]) == (FIRST, 28 * ROWS)
        assert (row["current_end"], row["current_rows"]) == (FIRST + timedelta(days=34), 7 * ROWS)


def test_before_the_drift_there_is_no_alarm(orders: None, footfall: Footfall) -> None:
    until = FIRST + timedelta(days=27)
    told = footfall(
        "drift", TABLE, "--until", until.isoformat(), "--reference-days", "21", "--fail"
    )
    assert told.exit_code == 0 and "2025-03-22 to 2025-03-28" in told.out


def test_a_window_that_the_table_does_not_fill_is_refused(orders: None, footfall: Footfall) -> None:
    told = footfall("drift", TABLE, "--days", "35")
    assert told.exit_code == 1 and "none is left to compare them with" in told.err
    told = footfall("drift", TABLE, "--column", "size")
    assert told.exit_code == 2 and f"{TABLE} has no column size" in told.err
