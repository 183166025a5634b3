"""A product that takes half of the rows: salted or not, tables are those of the oracle."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from footfall.spark.conf import temporary_conf
from support.data_sets import DataSet
from support.law import (
    DAY_ZERO,
    FAMILIES,
    Row,
    Run,
    Schedule,
    breaches_of_oracle,
    days_computed_by,
    play,
    table_contents,
)
from support.macros import macros_in
from support.reference import Definitions
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOT = "P0"
START = datetime.combine(DAY_ZERO, time(12), timezone.utc)


def skewed_rows(count: int, days: int) -> list[Row]:
    """Return interactions of an hour of each day, of which one product has half."""
    rng = random.Random(3)
    return [
        {
            "event_time": START
            + timedelta(days=rng.randrange(days), seconds=rng.randrange(3600)),
            "user_id": f"U{rng.randrange(20)}",
            "product_id": HOT if rng.random() < 0.5 else f"P{rng.randrange(1, 200)}",
            "interaction_type": rng.choice(("view", "view", "click", "purchase")),
        }
        for _ in range(count)
    ]  # fmt: skip


def test_gaps_of_a_day_that_is_cut_into_minutes_are_those_of_the_day(spark: SparkSession) -> None:
    rows = [(row["product_id"], row["event_time"]) for row in skewed_rows(600, days=2)]
    frame = spark.createDataFrame(rows, "product_id string, event_time timestamp")
    frame.selectExpr("*", "date(event_time) as event_date").createOrReplaceTempView("interactions")
    spark.sql(
        f"select distinct event_date, '{HOT}' as product_id from interactions"
    ).createOrReplaceTempView("hot_products")
    macros = macros_in("skew/minute_of_hot", "skew/salted", "skew/product_gaps")
    minute = macros.minute_of_hot("interactions.event_time")
    spark.sql(macros.salted("interactions", minute)).createOrReplaceTempView("salted_interactions")
    slices = spark.sql("select distinct salt from salted_interactions where salt is not null")
    assert slices.count() > 50

    def gaps(*arguments: str) -> Counter[tuple[Any, ...]]:
        found = spark.sql(macros.product_gaps(*arguments)).collect()
        return Counter(tuple(row) for row in found if row["gap_micros"] is not None)

    times: dict[tuple[Any, ...], list[datetime]] = {}
    for product_id, moment in rows:
        times.setdefault((product_id, moment.date()), []).append(moment)
    expected = Counter(
        (*key, (after - before) // timedelta(microseconds=1))
        for key, moments in times.items()
        for before, after in pairwise(sorted(moments))
    )
    assert gaps("interactions") == gaps("salted_interactions", "salt") == expected


def test_the_buckets_of_a_share_are_a_power_of_two_and_none_has_more_than_a_hot_share(
    spark: SparkSession,
) -> None:
    rendered = macros_in("skew/salt_buckets").salt_buckets("share")
    shares = (0.0100001, 0.02, 0.0200001, 0.03, 0.04, 0.16, 0.1600001, 0.33, 1.0)
    frame = spark.createDataFrame([(share,) for share in shares], "share double")
    found = [row[0] for row in frame.selectExpr(rendered).collect()]
    assert found == [2, 2, 4, 4, 4, 16, 32, 32, 32]


LARGE_JOINS = {
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "2000",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": "1.5",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "2000",
}
"""What makes Spark join a few rows as it joins many."""


@pytest.mark.parametrize(
    ("strategy", "adaptive", "operators"),
    [
        ("broadcast", "false", ["BroadcastHashJoin LeftOuter BuildRight"]),
        ("shuffle_hash", "false", ["ShuffledHashJoin LeftOuter BuildRight"]),
        ("merge", "false", ["SortMergeJoin LeftOuter"]),
        ("merge", "true", ["SortMergeJoin(skew=true) LeftOuter"]),
        # The hot keys themselves are broadcast.
        ("salted", "false", ["BroadcastHashJoin LeftOuter BuildRight", "SortMergeJoin LeftOuter"]),
    ],
)
def test_each_strategy_joins_as_it_says_and_gives_the_same_rows(
    spark: SparkSession, strategy: str, adaptive: str, operators: list[str]
) -> None:
    rng = random.Random(5)
    users = [(f"U{number}", f"plan {number % 3}", number) for number in range(100)]
    # A third of the rows is one user's; some users are unknown.
    rows = [
        (f"e{number}", "U0" if number % 3 == 0 else f"U{rng.randrange(110)}", rng.randrange(100))
        for number in range(3000)
    ]
    spark.createDataFrame(rows, "event_key string, user_id string, at int").repartition(
        8
    ).createOrReplaceTempView("interactions")
    spark.createDataFrame(users, "user_id string, plan string, since int").createOrReplaceTempView(
        "users"
    )
    macros = macros_in("skew/salt", "skew/salt_buckets", "skew/skewed_join")
    condition = "users.since <= interactions.at"
    query = macros.skewed_join("interactions", "users", "user_id", ["plan"], condition, strategy)
    with temporary_conf(spark, LARGE_JOINS | {"spark.sql.adaptive.enabled": adaptive}):
        joined = spark.sql(
            f"select event_key, plan{', salt' if strategy == 'salted' else ''} from ({query})"
        )
        found = joined.collect()
        plan, *_ = joined._jdf.queryExecution().executedPlan().toString().split("Initial Plan")
    joins = re.findall(r"(\w+Join(?:\(skew=true\))?) \[.*?\], (LeftOuter(?:, Build\w+)?)", plan)
    assert {" ".join(join).replace(",", "") for join in joins} == {*operators}
    plans = {user_id: (plan, since) for user_id, plan, since in users}
    expected = Counter(
        (key, plans[user_id][0] if user_id in plans and plans[user_id][1] <= at else None)
        for key, user_id, at in rows
    )
    assert Counter((row["event_key"], row["plan"]) for row in found) == expected
    if strategy == "salted":
        assert len({row["salt"] for row in found}) == 32


@only_thorough
@pytest.mark.parametrize("engine", ["spark", "auto"])
def test_no_setting_of_salting_changes_a_table(
    data_set: Callable[[str], DataSet], engine: str
) -> None:
    data = data_set(f"skew_{engine}")
    rows = skewed_rows(1500, days=3)
    loads = tuple({"product.interactions": rows[part::3]} for part in range(3))
    select = ("--select", "+fct_product_daily", "+dq_load_reconciliation")
    family = replace(FAMILIES["engagement"], sources=("product",))
    runs = tuple(Run(number, select) for number in range(len(loads)))
    schedule = Schedule(family, loads, runs, Definitions())
    for salting in ("auto", "always", "never"):
        with days_computed_by(engine):
            oracle = play(data, replace(schedule, chosen={"salting": salting}))
            assert breaches_of_oracle(data, oracle) == {}
        hot = table_contents(data)["int_hot_products"].to_pylist()
        assert {row["product_id"] for row in hot if row["salt_buckets"] == 32} == {HOT}
