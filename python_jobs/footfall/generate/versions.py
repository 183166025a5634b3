"""Later versions of rows: payments that move on, customers whose attributes change."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np

from footfall.generate.columns import DAY, HOUR, Array, Columns, take
from footfall.generate.world import Period
from footfall.project.contracts import Contract

REFUNDED = 0.2
"""Share of the payments that move on."""


class Revise(Protocol):
    """Return later versions of chosen rows; the rows themselves become their first versions."""

    def __call__(
        self, rows: Columns, chosen: Array, period: Period, rng: np.random.Generator
    ) -> list[Columns]: ...


def revisions(contract: Contract, segments: int) -> Revise | None:
    """Return how the rows of an entity change later; None where they never do.

    Args:
        contract: the entity's.
        segments: how many segments of customers there are.
    """
    if contract.name == "crm.customers":
        return partial(_revise_customers, segments)
    if contract.name == "crm.transactions":
        [statuses] = [
            column.accepted_values or []
            for column in contract.columns
            if column.name == "transaction_status"
        ]
        return partial(_revise_transactions, statuses)
    return None


def _revise_transactions(
    statuses: list[str], rows: Columns, chosen: Array, period: Period, rng: np.random.Generator
) -> list[Columns]:
    """Let completed payments be pending at first; some of them are refunded in the end."""
    pending, completed, refunded = map(statuses.index, ("pending", "completed", "refunded"))
    status = rows["transaction_status"].copy()
    chosen = chosen[status[chosen] == completed]
    later = take(rows, chosen)
    later["updated_at"] = later["updated_at"] + rng.integers(HOUR, 2 * DAY, len(chosen))
    given_back = take(later, rng.random(len(chosen)) < REFUNDED)
    size = len(given_back["updated_at"])
    given_back["updated_at"] = given_back["updated_at"] + rng.integers(DAY, 6 * DAY, size)
    given_back["transaction_status"] = np.full(size, refunded, dtype=status.dtype)
    status[chosen] = pending
    rows["transaction_status"] = status
    return [later, given_back]


def _revise_customers(
    segments: int, rows: Columns, chosen: Array, period: Period, rng: np.random.Generator
) -> list[Columns]:
    """Give some customers another segment, the others another e-mail address."""
    later = take(rows, chosen)
    since = np.maximum(later["updated_at"], period.begin) + HOUR
    left = np.maximum(period.end - since, 1)
    later["updated_at"] = since + (rng.random(len(chosen)) * left).astype(np.int64)
    is_moved = rng.random(len(chosen)) < 0.5
    segment = later["customer_segment"]
    other = (segment + rng.integers(1, segments, len(chosen))) % segments
    later["customer_segment"] = np.where(is_moved, other, segment).astype(segment.dtype)
    later["email"] = np.where(is_moved, later["email"], later["email"] + len(rows["email"]))
    return [later]
