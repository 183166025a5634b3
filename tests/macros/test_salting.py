"""Where `salting: auto` computes in two phases: dbt's own macros, without Spark."""

from __future__ import annotations

from typing import Any

import pytest

from support.planning import Warehouse, macros_of

DAYS = {"changed": True, "whole": False, "dates": ["2025-08-20"]}
NOTHING = dict(DAYS, changed=False, dates=[])


def salts(
    manifest: dict[str, Any],
    salting: str = "auto",
    partitions: str = "64",
    share: float = 0.5,
    combines: bool = False,
    affected: dict[str, Any] = DAYS,
) -> tuple[bool, int]:
    """Return what the macro says, and how many queries it asked."""
    warehouse = Warehouse(
        {},
        {
            "set spark.sql.shuffle.partitions": [("spark.sql.shuffle.partitions", partitions)],
            "max.day_share.*ref_int_hot_products where event_date in .date.2025-08-20": [(share,)],
        },
    )
    macros = macros_of(manifest, "fct_product_daily", warehouse, salting=salting)
    return macros["salts"](combines, affected), len(warehouse.asked)


@pytest.mark.parametrize("combines", [True, False])
def test_always_and_never_are_just_that(manifest: dict[str, Any], combines: bool) -> None:
    assert salts(manifest, "always", share=0, combines=combines) == (True, 0)
    assert salts(manifest, "never", share=1, combines=combines) == (False, 0)


@pytest.mark.parametrize(
    ("partitions", "share", "two_phases", "queries"),
    [
        # 32 tasks at a time: a sixteenth of the rows is twice what each would get.
        ("64", 0.0625, True, 2),
        ("64", 0.06, False, 2),
        ("64", 0, False, 2),
        ("8", 0.5, True, 2),
        ("8", 0.4, False, 2),
        # On so few cores no share is large enough to be asked for.
        ("2", 1, False, 1),
        ("auto", 1, False, 1),
    ],
)
def test_auto_salts_where_one_task_would_hold_up_the_others(
    manifest: dict[str, Any], partitions: str, share: float, two_phases: bool, queries: int
) -> None:
    assert salts(manifest, partitions=partitions, share=share) == (two_phases, queries)


def test_auto_asks_nothing_where_rows_combine_or_nothing_changed(manifest: dict[str, Any]) -> None:
    assert salts(manifest, combines=True) == (False, 0)
    assert salts(manifest, affected=NOTHING) == (False, 0)


MEBIBYTE = 1024**2


@pytest.mark.parametrize(
    ("rows", "small", "adaptive", "share", "strategy"),
    [
        (5000, 64, "true", 0.9, "broadcast"),
        (5000, 65, "true", 0.9, "shuffle_hash"),
        (5000, 65, "false", 0.01, "shuffle_hash"),
        (5000, 65, "false", 0.9, "salted"),
        # Not three times as large; too large for a task.
        (150, 65, "true", 0.9, "merge"),
        (50_000, 1025, "true", 0.9, "merge"),
        (50_000, 1025, "false", 0.9, "salted"),
    ],
)
def test_a_join_follows_the_sizes_of_the_tables(
    manifest: dict[str, Any], rows: int, small: int, adaptive: str, share: float, strategy: str
) -> None:
    warehouse = Warehouse(
        {},
        {
            "set spark.sql.shuffle.partitions": [("spark.sql.shuffle.partitions", "64")],
            "set spark.sql.adaptive.enabled": [("spark.sql.adaptive.enabled", adaptive)],
            "max.row_count.*from interactions group by user_id": [(share,)],
        },
    )
    macros = macros_of(manifest, "fct_product_daily", warehouse)
    sizes = {"interactions": rows * MEBIBYTE, "users": small * MEBIBYTE}
    macros["footfall"]["table_bytes"] = sizes.__getitem__
    assert macros["join_strategy"]("interactions", "users", "user_id") == strategy
