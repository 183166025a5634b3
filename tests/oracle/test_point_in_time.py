"""The point-in-time join, by macro and by Python, beside a search through all rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from footfall.errors import UsageError
from footfall.features import point_in_time
from support.macros import macros_in

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Rows = list[tuple[Any, ...]]
START = datetime(2025, 8, 1, tzinfo=timezone.utc)
FEATURES = "customer bigint, held timestamp, arrived timestamp, score int, level string"


def moment(rng: random.Random) -> datetime:
    """Return one of so few times that many are equal."""
    return START + timedelta(hours=rng.randrange(40))


def drawn() -> tuple[Rows, Rows]:
    rng = random.Random(5)
    spine = [
        (rng.choice((1, 2, 3, 4, None)), rng.choice((moment(rng), None)), rng.randrange(3))
        for _ in range(300)
    ]
    features = [
        (
            rng.choice((1, 2, 3, None)),
            rng.choice((moment(rng), moment(rng), None)),
            moment(rng) + timedelta(hours=12),
            rng.randrange(100),
            rng.choice(("low", "high", None)),
        )
        for _ in range(300)
    ]
    return spine + spine[:30], features


def expected(spine: Rows, features: Rows, by_arrival: bool) -> Counter[tuple[Any, ...]]:
    """Look for each row of the spine through all features."""
    found: Counter[tuple[Any, ...]] = Counter()
    for customer, at, label in spine:
        visible = [
            (held, arrived if by_arrival else held, (score, level or ""), level)
            for owner, held, arrived, score, level in features
            if None not in (owner, held, at) and owner == customer
            if held <= at and (not by_arrival or arrived <= at)
        ]
        newest = max(visible, key=lambda row: row[:3], default=None)
        values = (newest[2][0], newest[3]) if newest else (None, None)
        found[(customer, at, label, *values)] += 1
    return found


def by_macro(spark: SparkSession, by_arrival: bool) -> DataFrame:
    macros = macros_in("features/point_in_time")
    features = {"relation": "features", "at": "held", "columns": ["score", "level"]}
    if by_arrival:
        features["known_at"] = "arrived"
    spine = {"relation": "spine", "at": "asked_at", "columns": ["label"]}
    return spark.sql(f"select * from {macros.point_in_time(spine, features, ['customer'])}")


@pytest.mark.parametrize("by_arrival", [False, True], ids=["as it was", "as it was known"])
def test_each_row_of_the_spine_has_the_newest_features_of_its_time(
    spark: SparkSession, by_arrival: bool
) -> None:
    spine, features = drawn()
    asked = spark.createDataFrame(spine, "customer bigint, asked_at timestamp, label int")
    known = spark.createDataFrame(features, FEATURES)
    asked.createOrReplaceTempView("spine")
    known.createOrReplaceTempView("features")
    joined = point_in_time(
        asked,
        known if by_arrival else known.drop("arrived"),
        ["customer"],
        spine_at="asked_at",
        features_at="held",
        known_at="arrived" if by_arrival else None,
    )
    wanted = expected(spine, features, by_arrival)
    assert sum(row[3] is not None for row in wanted.elements()) > 50
    for result in (joined, by_macro(spark, by_arrival)):
        assert result.columns == ["customer", "asked_at", "label", "score", "level"]
        rows = [
            (row[0], row[1] and row[1].astimezone(timezone.utc), *row[2:])
            for row in result.collect()
        ]
        assert Counter(rows) == wanted


def test_columns_that_are_missing_or_on_both_sides_are_named(spark: SparkSession) -> None:
    spine = spark.createDataFrame([(1, START, 5)], "customer bigint, asked_at timestamp, score int")
    features = spark.createDataFrame([(1, START, START, 7, "low")], FEATURES)
    times = {"spine_at": "asked_at", "features_at": "held"}
    with pytest.raises(UsageError, match="both have score"):
        point_in_time(spine, features, ["customer"], **times)
    with pytest.raises(UsageError, match="The spine has no column user"):
        point_in_time(spine, features, ["user"], **times)
    with pytest.raises(UsageError, match="The features have no column since"):
        point_in_time(spine, features, ["customer"], spine_at="asked_at", features_at="since")
