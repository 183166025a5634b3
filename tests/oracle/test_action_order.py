"""The total order of actions: SQL and Python give the same keys, which sort as the tuples do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from footfall.errors import FootfallError
from footfall.project.dbt import run_dbt
from footfall.sequences.order import LAYOUTS, action_keys

LONGEST_DAY = 25 * 3_600_000_000
KEY = """
    select {{ action_key('action_time', 'event_date', 'action_type', 'item_id') }} as action_key
    from actions order by position
"""


def actions(unit: str) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    """Draw actions that fit a unit, ties among them."""
    layout = LAYOUTS[unit]
    last = LONGEST_DAY // layout.micros - 1
    times = st.one_of(st.sampled_from([0, 1, last]), st.integers(0, last))
    largest = (1 << layout.item_bits) - 1
    items = st.one_of(st.sampled_from([0, 1, largest]), st.integers(0, largest))
    one = st.tuples(times.map(lambda time: time * layout.micros), st.integers(1, 3), items)
    return st.lists(one, min_size=1, max_size=20)


@pytest.mark.parametrize("unit", LAYOUTS)
@given(data=st.data())
def test_keys_sort_as_time_then_type_then_item(unit: str, data: st.DataObject) -> None:
    drawn = data.draw(actions(unit))
    keys = action_keys(*np.array(drawn, np.int64).T, unit)
    assert keys.min() >= 0
    assert [drawn[at] for at in np.argsort(keys, kind="stable")] == sorted(drawn)
    assert len(set(keys.tolist())) == len(set(drawn))


@pytest.mark.parametrize(
    ("unit", "action", "other"),
    [
        ("microsecond", (0, 1, 1 << 24), "millisecond"),
        ("microsecond", (0, 1, -1), "millisecond"),
        ("millisecond", (1, 1, 1), "microsecond"),
    ],
)
def test_what_does_not_fit_is_named_with_the_way_out(
    unit: str, action: tuple[int, int, int], other: str
) -> None:
    with pytest.raises(FootfallError) as error:
        action_keys(*np.array([(0, 1, 1), action], np.int64).T, unit)
    assert str(action[2]) in error.value.message
    assert other in error.value.fix


def spark_keys(
    spark: SparkSession,
    target: Path,
    unit: str,
    zone: str,
    drawn: list[tuple[int, int, int | None]],
) -> list[int]:
    """Return what the macro makes of actions on a day on which the zone's clocks change."""
    start = spark.sql(f"select to_utc_timestamp(timestamp'2025-11-02', '{zone}') as start")
    rows = [(number, *action) for number, action in enumerate(drawn)]
    frame = spark.createDataFrame(rows, "position int, micros long, action_type int, item_id long")
    frame.crossJoin(start).selectExpr(
        "position",
        "timestamp_micros(unix_micros(start) + micros) as action_time",
        "date'2025-11-02' as event_date",
        "cast(action_type as tinyint) as action_type",
        "cast(item_id as int) as item_id",
    ).createOrReplaceTempView("actions")
    variables = f"{{action_time_unit: {unit}, reporting_timezone: {zone}}}"
    compiled = run_dbt(
        "compile", "--inline", KEY, "--vars", variables, "--target-path", str(target), quiet=True
    )
    sql = compiled.results[0].node.compiled_code
    return [row["action_key"] for row in spark.sql(sql).collect()]


@pytest.mark.parametrize(
    ("unit", "zone"), [("microsecond", "America/New_York"), ("millisecond", "UTC")]
)
def test_sql_and_python_give_the_same_keys(
    spark: SparkSession, tmp_path: Path, unit: str, zone: str
) -> None:
    layout = LAYOUTS[unit]
    hours = 25 if zone == "America/New_York" else 24
    last = hours * 3_600_000_000 - layout.micros
    largest = (1 << layout.item_bits) - 1
    drawn = [(0, 1, 0), (0, 3, largest), (last, 2, 5), (layout.micros, 1, 5), (last, 3, largest)]
    expected = action_keys(*np.array(drawn, np.int64).T, unit).tolist()
    assert spark_keys(spark, tmp_path, unit, zone, drawn) == expected


@pytest.mark.parametrize("item", [16_777_216, -1, None])
def test_sql_refuses_what_does_not_fit(
    spark: SparkSession, tmp_path: Path, item: int | None
) -> None:
    name = "null" if item is None else item
    with pytest.raises(Exception, match="Set the var action_time_unit to millisecond") as error:
        spark_keys(spark, tmp_path, "microsecond", "UTC", [(0, 1, 16_777_215), (0, 1, item)])
    assert f"Item {name} at " in str(error.value)
    assert "items go from 0 to 16777215" in str(error.value)
