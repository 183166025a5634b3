"""Schedules that the law once failed, or that draws rarely meet: each is always tried.

``tests/oracle/test_law.py`` plays them on the project, ``scripts/check_mutants.py`` on mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from support.law import FAMILIES, Family, Row, Run, Schedule


def _utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=timezone.utc)


def _views(*moments: str) -> dict[str, list[Row]]:
    rows: list[Row] = [
        {
            "event_time": _utc(moment), "user_id": "U", "product_id": "P",
            "interaction_type": "view",
        }
        for moment in moments
    ]  # fmt: skip
    return {"product.interactions": rows}


def _device(*rows_of: tuple[str, str]) -> dict[str, list[Row]]:
    """Return views on a device, each with its user; the device's own id where none is known."""
    return {
        "product.interactions": [
            {
                "event_time": _utc(moment), "user_id": user, "anonymous_id": "D",
                "product_id": "P", "interaction_type": "view",
            }
            for moment, user in rows_of
        ]
    }  # fmt: skip


def _identified(*moments_and_users: tuple[str, str]) -> dict[str, list[Row]]:
    """Return identify calls of the same device."""
    return {
        "app.identify_calls": [
            {"event_time": _utc(moment), "user_id": user, "anonymous_id": "D"}
            for moment, user in moments_and_users
        ]
    }


def _payments(*days_and_amounts: tuple[str, str]) -> dict[str, list[Row]]:
    rows: list[Row] = [
        {
            "transaction_id": f"t{day}", "customer_id": 1, "currency": "EUR", "quantity": 1,
            "price": Decimal(amount), "transaction_status": "completed",
            "transaction_time": _utc(day),
        }
        for day, amount in days_and_amounts
    ]  # fmt: skip
    return {"crm.transactions": rows}


def _shop(clicks: Iterable[int], impressions: Iterable[int]) -> dict[str, list[Row]]:
    """Return a click on an item of its own, and a shown list, on days of March."""
    return {
        "shop.clicks": [
            {"customer_id": 1, "item_id": day, "click_time": _utc(f"2025-03-{day:02d} 12:00")}
            for day in clicks
        ],
        "shop.impressions": [
            {
                "customer_id": 1, "dt": _utc(f"2025-03-{day:02d}").date(),
                "ranking_id": f"r{day}", "impressions": [{"item_id": 1, "is_order": False}],
            }
            for day in impressions
        ],
    }  # fmt: skip


def _case(family: str, marts: str, *loads: dict[str, list[Row]], **definitions: Any) -> Schedule:
    """Return loads of which each is built, with what the marts read."""
    known: Family = FAMILIES[family]
    select = ("--select", *(f"+{mart}" for mart in marts.split()), "+dq_load_reconciliation")
    return Schedule(
        known,
        loads,
        tuple(Run(number, select) for number in range(len(loads))),
        replace(known.definitions, **definitions),
    )


SESSION_GROWS_PAST_MIDNIGHT = _case(
    "engagement_elsewhere",
    "fct_user_activity_monthly",
    # Midnight in New York is at 05:00 UTC.
    _views("2025-03-01 04:58:30", "2025-03-01 04:59:30"),
    _views("2025-03-01 05:01:00"),
)
"""Its user is engaged on the last day of February once a row of March makes it long enough."""

SESSIONS_JOIN_ACROSS_MIDNIGHT = _case(
    "engagement_elsewhere",
    "fct_growth_accounting fct_retention_cohorts fct_sessions fct_user_activity_monthly",
    _views(
        "2025-02-03 12:00:00", "2025-03-02 04:55:00", "2025-03-02 05:05:30", "2025-03-02 05:09:00"
    ),
    _views("2025-03-02 04:59:00"),
    session_gap_minutes=10,
    session_max_minutes=14,
)
"""On the second day no session begins any more: its user is not engaged on it. The one session is
exactly as long as a session may be."""

LAST_WEEK_IS_READ_AGAIN = _case(
    "engagement_elsewhere",
    "fct_growth_accounting fct_retention_cohorts fct_user_product",
    _views("2025-02-03 12:00:00", "2025-02-24 12:00:00"),
    _views("2025-03-09 12:00:00"),
)
"""Of February the 24th is read again, the Monday of the week before that of Sunday, 9 March; the
3rd tells no more than when the user came first."""

LAST_30_DAYS_REACH_INTO_A_KEPT_MONTH = _case(
    "customers",
    "fct_customer_features",
    _payments(
        ("2025-02-10", "1"), ("2025-03-04", "2"), ("2025-03-31", "4"), ("2025-04-01", "8")
    ),
    _payments(("2025-04-02", "16")),
)  # fmt: skip
"""A second load of April goes on from March's totals, and counts March's last days again."""

HISTORY_BEGINS_WITHIN_A_CHECKPOINT = _case(
    "training",
    "training_sequences int_customer_action_checkpoints",
    _shop([1, 2, 3, 4, 5, 7, 8], [7, 8]),
    _shop([6, 9, 10], [9, 10]),
    _shop([11, 12, 13], [11, 12, 13]),
    sequence_length=50,
    sequence_history_days=6,
    checkpoint_every_days=2,
    checkpoint_settle_days=0,
)
"""Each day has a click: the first day of a history, the one before it, the day of the checkpoint on
which the next is built. That of the 6th is late and changes the 7th, the day after it, too."""

DEVICE_IS_KNOWN_LATER = _case(
    "engagement_elsewhere",
    "fct_user_product_daily fct_product_daily fct_user_activity_monthly",
    _device(("2025-02-20 12:00", "D"), ("2025-03-01 12:00", "D"), ("2025-03-02 12:00", "W")),
    _device(("2025-02-28 12:00", "V"), ("2025-03-03 12:00", "V")),
    _device(("2025-02-27 12:00", "U")),
    _device(("2025-02-27 12:00:01", "V")),
    _identified(("2025-02-26 12:00", "T"), ("2025-03-04 12:00", "X")),
    identify_by="first_known",
)
"""Two earlier rows come late, each of which makes the device another user's; the third does not. So
does a call that only identifies, and is no interaction of its user."""

CASES = {
    "a session grows past midnight": SESSION_GROWS_PAST_MIDNIGHT,
    "sessions join across midnight": SESSIONS_JOIN_ACROSS_MIDNIGHT,
    "last week is read again": LAST_WEEK_IS_READ_AGAIN,
    "the last 30 days reach into a kept month": LAST_30_DAYS_REACH_INTO_A_KEPT_MONTH,
    "a device is known later": DEVICE_IS_KNOWN_LATER,
    "a history begins within a checkpoint": HISTORY_BEGINS_WITHIN_A_CHECKPOINT,
}
