"""Who and what there is: users with their habits and attributes, products with their demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from footfall.generate.columns import (
    DAY,
    HOUR,
    SECOND,
    Array,
    Columns,
    choose,
    days_since_epoch,
    random_stream,
)

HEAD_PRODUCTS = 0.10
"""Share of the products that takes ``HEAD_INTERACTIONS`` of the interactions."""
HEAD_INTERACTIONS = 0.90
USERS_PER_PRODUCT = 5
FEWEST_PRODUCTS = 100
MOST_PRODUCTS = 200_000
FAVOURITES = 6
"""Items to which a user returns, drawn by demand like all others."""

JOIN_DURING_PERIOD = 0.12
ATTRIBUTE_CHANGES = 0.03
"""Share of users for whom an attribute is drawn again in the period, perhaps the same value."""
MEAN_LIFETIME_DAYS = 75
LAPSED_ACTIVITY = 0.1
"""What is left of a user's activity after the lifetime."""
WEEKDAY_ACTIVITY = (1.0, 1.02, 1.02, 1.0, 0.95, 0.8, 0.85)
HOURLY_STARTS = (
    5,
    3,
    2,
    1,
    1,
    2,
    5,
    8,
    11,
    12,
    12,
    12,
    13,
    13,
    12,
    11,
    11,
    12,
    14,
    17,
    19,
    18,
    14,
    9,
)

COUNTRIES = {
    "DE": 30.0,
    "FR": 14.0,
    "GB": 13.0,
    "US": 12.0,
    "NL": 8.0,
    "PL": 7.0,
    "ES": 6.0,
    "IT": 5.0,
    "SE": 3.0,
    "CH": 2.0,
}
CURRENCIES = ("EUR", "GBP", "USD", "PLN", "SEK", "CHF")
CURRENCY_OF_COUNTRY = np.array([0, 0, 1, 2, 0, 3, 0, 0, 4, 5], dtype=np.int8)
DEVICES = {"mobile": 58.0, "desktop": 31.0, "tablet": 11.0}
SUBSCRIPTIONS = {"free": 68.0, "basic": 20.0, "premium": 12.0}
ATTRIBUTES = {
    "country": tuple(COUNTRIES.values()),
    "device_type": tuple(DEVICES.values()),
    "subscription_type": tuple(SUBSCRIPTIONS.values()),
}


@dataclass(frozen=True)
class Period:
    """The simulated days.

    Args:
        start: the first day, UTC.
        days: how many days.
    """

    start: date
    days: int

    @property
    def first_day(self) -> int:
        """The first day, in days since 1970."""
        return days_since_epoch(self.start)

    @property
    def begin(self) -> int:
        """The first microsecond."""
        return self.first_day * DAY

    @property
    def end(self) -> int:
        """The first microsecond after the period."""
        return self.begin + self.days * DAY

    def begin_of(self, day: int) -> int:
        """Return the first microsecond of the day with this index (0 is the first)."""
        return self.begin + day * DAY


@dataclass(frozen=True)
class Products:
    """The catalogue. Item ids run from 1; popularity has nothing to do with the id."""

    cumulative_demand: Array
    item_by_rank: Array
    price_cents: Array
    """By item id; position 0 is unused."""

    def __len__(self) -> int:
        return len(self.item_by_rank)

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """Return ``size`` item ids (int32) in proportion to demand."""
        ranks = np.searchsorted(self.cumulative_demand, rng.random(size), side="right")
        drawn: Array = self.item_by_rank[ranks]
        return drawn


@dataclass(frozen=True)
class Users:
    """The users; position 0 is user 1. Times in microseconds."""

    joined_at: Array
    join_day: Array
    """Index of the day; negative before the period."""
    lapse_day: Array
    daily_activity: Array
    """Probability of a visit on a day, heavy-tailed: few users are there nearly every day."""
    attributes: Columns
    """Codes at the time of joining."""
    changed_attributes: Columns
    changed_at: Columns
    """When each attribute takes its changed value; the largest integer if it never does."""
    version_lag: Array
    """How many releases the user's app is behind."""

    def __len__(self) -> int:
        return len(self.joined_at)

    def activity_on(self, day: int, weekday: int) -> Array:
        """Return each user's probability of a visit on the day; a new user always comes."""
        activity = self.daily_activity * WEEKDAY_ACTIVITY[weekday]
        activity = np.where(day >= self.lapse_day, activity * LAPSED_ACTIVITY, activity)
        activity[self.join_day > day] = 0.0
        activity[self.join_day == day] = 1.0
        return activity

    def attributes_at(self, positions: Array, times: Array) -> Columns:
        """Return the attribute codes that hold for users at times."""
        return {
            name: np.where(
                times >= self.changed_at[name][positions],
                self.changed_attributes[name][positions],
                self.attributes[name][positions],
            )
            for name in ATTRIBUTES
        }


@dataclass(frozen=True)
class World:
    seed: int
    period: Period
    users: Users
    products: Products
    favourites: Array
    """A few item ids for each user, to which the user returns: the past tells of the future."""

    def draw_favourites(self, users: Array, rng: np.random.Generator) -> Array:
        """Return one favourite item id for each of the given users (positions)."""
        drawn: Array = self.favourites[users, rng.integers(0, FAVOURITES, len(users))]
        return drawn


def zipf_exponent(items: int, head: float, share: float) -> float:
    """Return the Zipf exponent at which the top ``head`` of ``items`` takes ``share`` of demand."""
    ranks = np.arange(1, items + 1, dtype=np.float64)
    top = max(1, round(items * head))
    low, high = 0.0, 4.0
    for _ in range(50):
        middle = (low + high) / 2
        demand = ranks**-middle
        if demand[:top].sum() < share * demand.sum():
            low = middle
        else:
            high = middle
    return (low + high) / 2


def daily_rhythm(quantiles: Array) -> Array:
    """Return the times after midnight in microseconds until which these shares of a day happen."""
    edges = np.concatenate([[0.0], np.cumsum(HOURLY_STARTS)]) / sum(HOURLY_STARTS)
    hours = np.interp(quantiles, edges, np.arange(25))
    times: Array = (hours * HOUR).astype(np.int64)
    return times


def time_of_day(size: int, rng: np.random.Generator) -> Array:
    """Return ``size`` times after midnight in microseconds, by the daily rhythm."""
    return daily_rhythm(rng.random(size))


def _build_products(users: int, seed: int) -> Products:
    rng = random_stream(seed, "products")
    count = min(MOST_PRODUCTS, max(FEWEST_PRODUCTS, users // USERS_PER_PRODUCT))
    exponent = zipf_exponent(count, HEAD_PRODUCTS, HEAD_INTERACTIONS)
    cumulative = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -exponent)
    prices = 299 + (rng.standard_exponential(count + 1) ** 2 * 1900).astype(np.int64)
    return Products(
        cumulative_demand=cumulative[:-1] / cumulative[-1],
        item_by_rank=rng.permutation(np.arange(1, count + 1, dtype=np.int32)),
        price_cents=prices // 50 * 50 + 49,
    )


def _build_users(count: int, period: Period, seed: int) -> Users:
    rng = random_stream(seed, "users")
    earlier = -rng.integers(1, 731, count)
    join_day = np.where(
        rng.random(count) < JOIN_DURING_PERIOD, rng.integers(0, period.days, count), earlier
    )
    # Nobody joins so late in the evening that the first visit falls out of the day.
    joined_at = period.begin + join_day * DAY + np.minimum(time_of_day(count, rng), 22 * HOUR)
    lifetime = (rng.standard_exponential(count) * MEAN_LIFETIME_DAYS).astype(np.int64) + 1
    activity_rank = (rng.permutation(count) + 1) / count
    attributes = {name: choose(rng, weights, count) for name, weights in ATTRIBUTES.items()}
    changed, changed_at = {}, {}
    for position, (name, weights) in enumerate(ATTRIBUTES.items()):
        changed[name] = choose(rng, weights, count)
        since = np.maximum(joined_at + HOUR, period.begin)
        left = np.maximum(period.end - since, SECOND)
        moment = since + (rng.random(count) * left).astype(np.int64)
        # Each attribute has its own last digit, so that no two changes of a user coincide.
        moment = moment // 10 * 10 + position
        changes = (
            (rng.random(count) < ATTRIBUTE_CHANGES)
            & (changed[name] != attributes[name])
            & (moment < period.end)
        )
        changed_at[name] = np.where(changes, moment, np.iinfo(np.int64).max)
    return Users(
        joined_at=joined_at,
        join_day=join_day,
        lapse_day=np.maximum(join_day, 0) + lifetime,
        daily_activity=np.minimum(0.95, 0.085 * activity_rank**-0.8),
        attributes=attributes,
        changed_attributes=changed,
        changed_at=changed_at,
        version_lag=np.minimum(rng.geometric(0.6, count) - 1, 7).astype(np.int16),
    )


def build_world(users: int, period: Period, seed: int) -> World:
    """Draw the users and the products.

    Args:
        users: how many users.
        period: the days to simulate.
        seed: of all random numbers.
    """
    products = _build_products(users, seed)
    favourites = products.draw(users * FAVOURITES, random_stream(seed, "favourites"))
    return World(
        seed=seed,
        period=period,
        users=_build_users(users, period, seed),
        products=products,
        favourites=favourites.reshape(users, FAVOURITES),
    )
