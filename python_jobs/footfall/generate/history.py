"""The history checkpoint: each customer's newest actions before the first day, drawn directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.generate.buckets import bucket_of
from footfall.generate.columns import Array, Columns, random_stream, row_count
from footfall.generate.shop import ACTIONS, Shop, TrainingPlan

CUSTOMERS_A_GROUP = 8192
"""Customers drawn at a time, and of a row group: at most 8 million actions."""
LISTS = {
    "actions": pa.int32(),
    "action_types": pa.int8(),
    "action_dates": pa.date32(),
}
SCHEMA = pa.schema(
    [
        ("customer_id", pa.int64()),
        *((name, pa.list_(pa.field("element", item))) for name, item in LISTS.items()),
    ]
)
WRITE_OPTIONS = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": ["action_types.list.element"],
    # Dates that descend by a day or two take a few bits each.
    "column_encoding": {
        "customer_id": "PLAIN",
        "actions.list.element": "PLAIN",
        "action_dates.list.element": "DELTA_BINARY_PACKED",
    },
    "write_statistics": ["customer_id"],
    "store_schema": False,
}


def _newest_ages(
    totals: Array, kept: Array, ends: Array, days: int, rng: np.random.Generator
) -> Array:
    """Return how long ago the newest of each customer's actions were, in whole days (int32).

    The times of ``totals`` actions at a constant rate are sums of exponential gaps over the sum of
    all gaps; of the gaps behind the kept actions only the sum matters, which is a gamma number.

    Args:
        totals: each customer's actions in the ``days``.
        kept: how many of them to return, at least 1.
        ends: the running sum of ``kept``.
        days: the days of the history.
    """
    gaps = rng.standard_exponential(int(ends[-1]), dtype=np.float32)
    sums = np.cumsum(gaps, dtype=np.float64)
    begins = ends - kept
    before = sums[begins] - gaps[begins]
    scale = days / (sums[ends - 1] - before + rng.standard_gamma(totals - kept + 1))
    sums *= np.repeat(scale, kept)
    sums -= np.repeat(before * scale, kept)
    ages = sums.astype(np.int32)
    np.clip(ages, 0, days - 1, out=ages)
    return ages


def _types(plan: TrainingPlan, size: int, rng: np.random.Generator) -> Array:
    """Return ``size`` types (int8) in the proportions of the entities' rows, to 2⁻¹⁶."""
    rows = np.cumsum([plan.rows_a_day[name] for name in ACTIONS])
    numbers = rng.integers(0, 1 << 16, size, dtype=np.uint16)
    types = np.ones(size, dtype=np.int8)
    for edge in rows[:-1]:
        types += numbers >= np.uint16(round(edge / rows[-1] * (1 << 16)))
    return types


def _draw(
    shop: Shop, customers: Array, expected: Array, length: int, rng: np.random.Generator
) -> Columns:
    """Return the customers who acted, and their actions one customer after the other."""
    plan = shop.plan
    totals = rng.poisson(expected)
    acted = totals > 0
    totals = totals[acted]
    kept = np.minimum(totals, length)
    ends = np.cumsum(kept)
    size = int(kept.sum())
    ages = _newest_ages(totals, kept, ends, plan.history_days, rng) if size else kept[:0]
    return {
        "customer_id": customers[acted].astype(np.int64) + 1,
        "ends": ends,
        "actions": shop.items.draw(size, rng),
        "action_types": _types(plan, size, rng),
        "action_dates": (plan.first_day - 1 - ages).astype(np.int32),
    }


def _table(drawn: Columns) -> Any:
    offsets = pa.array(np.concatenate([[0], drawn["ends"]]).astype(np.int32))
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(drawn[name], item))
        for name, item in LISTS.items()
    ]
    return pa.Table.from_arrays([pa.array(drawn["customer_id"]), *lists], schema=SCHEMA)


def _groups(customers: Array) -> Iterator[tuple[int, Array]]:
    for number, begin in enumerate(range(0, len(customers), CUSTOMERS_A_GROUP)):
        yield number, customers[begin : begin + CUSTOMERS_A_GROUP]


def _customers_by_bucket(plan: TrainingPlan) -> Iterator[Array]:
    """Yield the customers of each bucket: positions, ascending."""
    buckets = bucket_of(np.arange(1, plan.customers + 1, dtype=np.int64), plan.history_buckets)
    order = np.argsort(buckets, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(buckets, minlength=plan.history_buckets))
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        yield order[begin:end]


def write_history(
    folder: Path, shop: Shop, length: int, step: Callable[[str], None]
) -> dict[str, int]:
    """Write each customer's newest actions strictly before the plan's first day.

    The files are ``<folder>/bucket=<bucket>/history.parquet`` with one row a customer who acted,
    by ascending ``customer_id`` (bigint): the lists ``actions`` (item ids, int), ``action_types``
    (tinyint: 1 click, 2 cart, 3 order) and ``action_dates`` (date), equally long, newest first.
    ``bucket`` is ``pmod(hash(customer_id), buckets)``; a bucket without rows has no file.

    Args:
        folder: where.
        shop: the customers and items, with the plan.
        length: how many actions are kept of a customer, at least 1.
        step: called after each bucket with what was done.

    Returns:
        What was written: ``files``, ``rows``, ``actions`` and ``bytes``.
    """
    plan = shop.plan
    expected = shop.expected_actions()
    written = dict.fromkeys(("files", "rows", "actions", "bytes"), 0)
    for bucket, customers in enumerate(_customers_by_bucket(plan)):
        path = folder / f"bucket={bucket}" / "history.parquet"
        rows, actions = _write_bucket(path, shop, bucket, customers, expected, length)
        if rows:
            written["files"] += 1
            written["bytes"] += path.stat().st_size
        written["rows"] += rows
        written["actions"] += actions
        step(f"history: bucket {bucket} of {plan.history_buckets}")
    return written


def _write_bucket(
    path: Path, shop: Shop, bucket: int, customers: Array, expected: Array, length: int
) -> tuple[int, int]:
    """Write one bucket's file and return its rows and actions; without rows there is no file."""
    rows = actions = 0
    writer: Any = None
    purpose = f"training history {bucket}"
    try:
        for number, group in _groups(customers):
            rng = random_stream(shop.plan.seed, purpose, number)
            drawn = _draw(shop, group, expected[group], length, rng)
            if not row_count(drawn):
                continue
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(path, SCHEMA, **WRITE_OPTIONS)
            writer.write_table(_table(drawn))
            rows += row_count(drawn)
            actions += len(drawn["actions"])
    finally:
        if writer is not None:
            writer.close()
    return rows, actions
