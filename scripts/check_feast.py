"""Compare the point-in-time join with that of Feast's offline file store, row by row.

    .venv/bin/python scripts/check_feast.py            # fct_customer_features of FOOTFALL_HOME

Feast does not agree with the project's lock: it gets an environment of its own below target/feast,
which is kept. The spine has 200 rows: random customers and times, the instants at which features
begin to hold and the microsecond before, customers without features, and 20 rows that repeat
customer and time of another. Both readings are compared; for the second, each row of the features
gets a random time of arrival.

Feast's file store leaves rows of the spine out. They are named, with the reason. Exit code 1 means
that features differ, or that a row is left out for another reason.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from environments import PROJECT, call, environment

from footfall.features import point_in_time
from footfall.features.churn import FEATURES, held_features
from footfall.settings import get_settings
from footfall.spark.session import get_session

WORK = PROJECT / "target" / "feast"
FEAST = ("feast==0.67.0",)
ROWS, SHARED = 200, 20
READINGS = {"as_it_was": None, "as_it_was_known": "arrived_at"}
MICROSECOND = timedelta(microseconds=1)
Answers = dict[int, tuple[Any, ...]]
"""Features by row of the spine."""


def spine_of(held: Sequence[tuple[int, datetime]]) -> pa.Table:
    """Return what is asked.

    Args:
        held: customers, and instants from which a row of their features holds.
    """
    rng = random.Random(7)
    first, last = (edge(at for _, at in held) for edge in (min, max))
    unknown = max(customer for customer, _ in held) + 1
    asked: list[tuple[int, datetime]] = []
    while len(asked) < ROWS - SHARED:
        customer, at = rng.choice(held)
        anywhere = first - timedelta(days=40) + rng.random() * (last - first + timedelta(days=50))
        asked.append(
            rng.choice(
                ((customer, at), (customer, at - MICROSECOND), (customer, anywhere),
                 (customer, anywhere), (unknown, anywhere))
            )
        )  # fmt: skip
    asked += rng.sample(asked, SHARED)
    rng.shuffle(asked)
    customers, times = zip(*asked, strict=True)
    return pa.table(
        {
            "spine_row": range(ROWS),
            "customer_id": pa.array(customers, pa.int64()),
            "event_timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "label": [rng.random() < 0.5 for _ in range(ROWS)],
        }
    )


def by_row(answer: pa.Table) -> Answers:
    """Return the features of each row of the spine, NaN as null."""
    numbers = answer.select(["spine_row", *FEATURES]).to_pylist()
    return {
        row["spine_row"]: tuple(
            None if row[name] is None or row[name] != row[name] else row[name] for name in FEATURES
        )
        for row in numbers
    }


def with_arrivals(features: pa.Table) -> pa.Table:
    """Return the features with a time at which each row arrived, up to 20 days after it held."""
    rng = random.Random(8)
    arrived = [at + rng.random() * timedelta(days=20) for at in features["held_from"].to_pylist()]
    return features.append_column("arrived_at", pa.array(arrived, pa.timestamp("us", "UTC")))


def compare(
    spine: pa.Table, ours: Answers, theirs: Answers, first_held: Mapping[int, datetime]
) -> bool:
    """Print how two answers agree, and return whether what differs is as expected.

    Args:
        spine: what was asked.
        ours: by row of the spine.
        theirs: Feast's.
        first_held: when each customer's features begin.
    """
    asked = {
        row["spine_row"]: (row["customer_id"], row["event_timestamp"]) for row in spine.to_pylist()
    }
    answered = {asked[row] for row in theirs}
    left_out: dict[str, list[int]] = {"features begin later": [], "repeated": [], "": []}
    for row in sorted(asked.keys() - theirs.keys()):
        customer, at = asked[row]
        is_early = customer in first_held and at < first_held[customer]
        is_repeated = asked[row] in answered
        reason = "features begin later" if is_early else "repeated" if is_repeated else ""
        left_out[reason].append(row)
    differing = [row for row, found in theirs.items() if found != ours[row]]
    filled = sum(set(found) != {None} for found in ours.values())
    print(
        f"  footfall: {len(ours)} rows, {filled} of them with features\n"
        f"  Feast:    {len(theirs)} rows, {len(theirs) - len(differing)} of them the same"
    )
    for row in differing:
        print(f"    row {row}, {asked[row]}: {ours[row]} by footfall, {theirs[row]} by Feast")
    for reason, rows in left_out.items():
        if rows:
            print(f"  left out by Feast, {reason or 'without a known reason'}: {len(rows)}")
            print("\n".join(f"    customer {asked[row][0]} at {asked[row][1]}" for row in rows))
    return len(ours) == len(asked) and not differing and not left_out[""]


def main() -> None:
    spark, settings = get_session(), get_settings()
    view = f"{settings.schema_of('gold')}.fct_customer_features"
    if not spark.catalog.tableExists(view):
        sys.exit(f"{settings.home} has no {view}. Run `make demo`, or set FOOTFALL_HOME.")
    store = WORK / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    held = held_features(spark.table(view), "UTC").orderBy("held_from", "customer_id")
    features = with_arrivals(held.toArrow())
    keys = list(
        zip(features["customer_id"].to_pylist(), features["held_from"].to_pylist(), strict=True)
    )
    first_held = dict(reversed(keys))
    spine = spine_of(keys)
    pq.write_table(features, store / "features.parquet")
    pq.write_table(spine, store / "spine.parquet")
    ours = {}
    for reading, known_at in READINGS.items():
        frame = spark.createDataFrame(features)
        joined = point_in_time(
            spark.createDataFrame(spine),
            frame if known_at else frame.drop("arrived_at"),
            ["customer_id"],
            spine_at="event_timestamp",
            features_at="held_from",
            known_at=known_at,
        )
        ours[reading] = by_row(joined.toArrow())
    spark.stop()

    python = environment(WORK / "environment", FEAST) / "python"
    call(python, PROJECT / "scripts" / "ask_feast.py", store, env={"FEAST_USAGE": "False"})
    as_expected = True
    for reading, rows in ours.items():
        print(f"{reading.replace('_', ' ')}, {FEAST[0]}:")
        theirs = by_row(pq.read_table(store / f"{reading}.parquet"))
        as_expected &= compare(spine, rows, theirs, first_held)
    sys.exit(not as_expected)


if __name__ == "__main__":
    main()
