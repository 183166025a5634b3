"""The shop of the training workload: how many customers and items, and how often each comes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from footfall.errors import UsageError
from footfall.generate.columns import Array, days_since_epoch, random_stream
from footfall.generate.world import zipf_exponent
from footfall.generate.zipf import Popularity, zipf_shares

CUSTOMERS = 10_000_000
ITEMS = 1_000_000
ROWS_A_DAY = {
    "shop.impressions": 1_000_000,
    "shop.clicks": 21_400_000,
    "shop.add_to_carts": 2_100_000,
    "shop.orders": 290_000,
}
ACTIONS = ("shop.clicks", "shop.add_to_carts", "shop.orders")
"""The entities that are actions, by their type: 1, 2, 3."""
SMALLEST_ITEM_SCALE = 0.05
LARGEST_SCALE = 50.0
ACTIVITY_EXPONENT = 0.9
AUDIENCE_EXPONENT = ACTIVITY_EXPONENT / 2
HEAD_ITEMS = 0.1
HEAD_DRAWS = 0.9
SHOWN_ITEMS = 10


@dataclass(frozen=True)
class TrainingPlan:
    """What to write of the training workload.

    Args:
        days: days of raw rows, at least 1.
        seed: of all random numbers, at least 0.
        start: the first day, UTC; the history ends on the day before.
        scale: 1.0 is a production day with 10 million customers; above 0, at most 50.
        history_days: the days before ``start`` that the history checkpoint stands for; 0 for no
            checkpoint.
        history_buckets: buckets of customers in the checkpoint, at least 1.

    Raises:
        UsageError: an argument is out of range.
    """

    days: int
    seed: int
    start: date = date(2025, 8, 1)
    scale: float = 1.0
    history_days: int = 0
    history_buckets: int = 64

    def __post_init__(self) -> None:
        if self.days < 1:
            raise UsageError(f"There is nothing to write in {self.days} days.", "Give at least 1.")
        if self.seed < 0:
            raise UsageError(f"The seed {self.seed} is negative.", "Give 0 or a positive integer.")
        if not 0 < self.scale <= LARGEST_SCALE:
            raise UsageError(
                f"The scale {self.scale} is not between 0 and {LARGEST_SCALE:g}.",
                "Give 1 for a production day, or a part of it such as 0.02.",
            )
        if not self.customers or not all(self.rows_a_day.values()):
            raise UsageError(f"At scale {self.scale} a day has no orders.", "Give a larger scale.")
        if not 0 <= self.history_days < self.start.toordinal():
            raise UsageError(
                f"A history cannot cover {self.history_days} days before {self.start}.",
                "Give 0 for none, or a number of days such as 365.",
            )
        if self.history_buckets < 1:
            raise UsageError(
                f"A history does not fit into {self.history_buckets} buckets.",
                "Give at least 1 bucket.",
            )

    @property
    def customers(self) -> int:
        return round(CUSTOMERS * self.scale)

    @property
    def items(self) -> int:
        """How many items: whole tens, since a ranking shows one of each ten neighbours in rank."""
        wanted = ITEMS * max(self.scale, SMALLEST_ITEM_SCALE)
        return math.ceil(wanted / SHOWN_ITEMS) * SHOWN_ITEMS

    @property
    def rows_a_day(self) -> dict[str, int]:
        """Rows a day of each entity."""
        return {name: round(rows * self.scale) for name, rows in ROWS_A_DAY.items()}

    @property
    def actions_a_day(self) -> int:
        return sum(self.rows_a_day[name] for name in ACTIONS)

    @property
    def first_day(self) -> int:
        """The first day, in days since 1970."""
        return days_since_epoch(self.start)

    def expected_actions(self) -> Array:
        """Return the expected actions of each rank of customers in the history (float64)."""
        shares = zipf_shares(self.customers, ACTIVITY_EXPONENT)
        shares *= self.actions_a_day * self.history_days
        return shares


class Shop:
    """Whom and what the plan's rows are about. Customers are positions from 0: id − 1.

    Args:
        plan: how large the shop is.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        self.plan = plan
        self.customer_by_rank = random_stream(plan.seed, "training customers").permutation(
            np.arange(plan.customers, dtype=np.int32)
        )
        self._item_by_rank = random_stream(plan.seed, "training items").permutation(
            np.arange(1, plan.items + 1, dtype=np.int32)
        )

    @cached_property
    def actors(self) -> Popularity:
        """Who clicks, fills a cart or orders."""
        return Popularity(self.customer_by_rank, ACTIVITY_EXPONENT)

    @cached_property
    def audience(self) -> Popularity:
        """To whom rankings are shown: in proportion to the square root of the activity."""
        return Popularity(self.customer_by_rank, AUDIENCE_EXPONENT)

    @cached_property
    def items(self) -> Popularity:
        exponent = zipf_exponent(self.plan.items, HEAD_ITEMS, HEAD_DRAWS)
        return Popularity(self._item_by_rank, exponent)

    def rankings(self, size: int, rng: np.random.Generator) -> Array:
        """Return the items of ``size`` rankings: ten different ones each (int32, size × 10).

        Each slot draws ten neighbours in rank and takes another of the ten than the other slots.
        """
        ranks = self.items.ranks(size * SHOWN_ITEMS, rng).reshape(size, SHOWN_ITEMS)
        ranks -= ranks % SHOWN_ITEMS
        first = rng.integers(0, SHOWN_ITEMS, (size, 1), dtype=np.int32)
        ranks += (np.arange(SHOWN_ITEMS, dtype=np.int32) + first) % SHOWN_ITEMS
        shown: Array = self._item_by_rank.take(ranks)
        return shown

    def expected_actions(self) -> Array:
        """Return the expected actions of each customer in the history (float64, by position)."""
        expected = np.empty(self.plan.customers, dtype=np.float64)
        expected[self.customer_by_rank] = self.plan.expected_actions()
        return expected
