"""The simulation of one day: who comes when, what they look at, click, put in the cart, order.

All sources are views of these same sessions, so that they agree with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footfall.generate.columns import (
    HOUR,
    MINUTE,
    SECOND,
    Array,
    Columns,
    random_stream,
)
from footfall.generate.world import World, time_of_day

SHOP_SESSIONS = 0.85
APP_SESSIONS = 0.62
MEAN_VIEWS = 15
MOST_VIEWS = 90
MEAN_APP_EVENTS = 14
MOST_APP_EVENTS = 80
SHORTEST_GAP = 2 * SECOND
LONGEST_GAP = 15 * MINUTE
LONGEST_BROWSING = 90 * MINUTE
SHORTEST_PAUSE = 45 * MINUTE
LONGEST_PAUSE = 8 * HOUR

FAVOURITE_VIEWS = 0.3
"""Share of the views that go to a favourite of the user."""
CLICK_SHARE = 0.40
"""Share of the views that lead to a click; carts and orders are shares of the views as well."""
CART_SHARE = 0.056
ORDER_SHARE = 0.016
SIMPLES_PER_ITEM = 4

IMPRESSION_SLOTS = 12
"""Items of a ranking before repeated ones are taken out: about 10 remain."""
SECOND_RANKING = 0.15
"""Share of the day's customers who are shown a second ranking."""
SHOWN_ORDERS = 0.75
"""Share of the orders whose item was in a ranking of the day."""


@dataclass(frozen=True)
class Walk:
    """A sequence of events for each session.

    Args:
        session: the position of the event's session.
        offset: microseconds since the start of the session.
        gap: microseconds to the next event of the session, or to its end.
        length: microseconds of each session, by position.
    """

    session: Array
    offset: Array
    gap: Array
    length: Array


@dataclass(frozen=True)
class SessionDay:
    """The valid rows of the sessions that started on one day; users by position, from 0."""

    sessions: Columns
    """user, start, end, shop (whether there are views)."""
    views: Columns
    """user, item, time."""
    clicks: Columns
    """user, item, time."""
    carts: Columns
    """user, item, simple, time."""
    orders: Columns
    """user, item, simple, time."""
    app_events: Columns
    """user, time, gap, first (of its session)."""


def exclusive_sums(values: Array, counts: Array) -> Array:
    """Return, for each value, the sum of those before it in its group.

    Args:
        values: the groups' values, one group after the other.
        counts: how many values each group has.
    """
    sums = np.cumsum(values) - values
    starts = np.cumsum(counts) - counts
    occupied = counts > 0
    result: Array = sums - np.repeat(sums[starts[occupied]], counts[occupied])
    return result


def _walk(counts: Array, rng: np.random.Generator) -> Walk:
    """Draw the gaps of ``counts`` events a session, seconds to minutes, and cut very long ones."""
    session = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    draws = rng.standard_exponential(len(session))
    gap = np.minimum(SHORTEST_GAP + 20 * SECOND * draws * draws, LONGEST_GAP).astype(np.int64)
    offset = exclusive_sums(gap, counts)
    length = np.zeros(len(counts), dtype=np.int64)
    length[session] = offset + gap
    np.minimum(length, LONGEST_BROWSING + LONGEST_GAP, out=length)
    if len(offset) and offset.max() >= LONGEST_BROWSING:
        kept = offset < LONGEST_BROWSING
        session, offset, gap = session[kept], offset[kept], gap[kept]
    return Walk(session, offset, gap, length)


def _start_sessions(
    world: World,
    day: int,
    users: Array,
    counts: Array,
    length: Array,
    busy_until: Array,
    rng: np.random.Generator,
) -> Array:
    """Place the sessions of each user one after the other, hours apart, and after yesterday's."""
    day_begin = world.period.begin_of(day)
    first = np.maximum(day_begin + time_of_day(len(users), rng), busy_until[users] + SHORTEST_PAUSE)
    # On the day of joining the visit is the one in which the user joined.
    joined_now = world.users.join_day[users] == day
    first = np.where(joined_now, world.users.joined_at[users] + MINUTE, first)
    pause = 2 * HOUR * rng.standard_exponential(len(length)) + SHORTEST_PAUSE
    steps = length + np.minimum(pause, LONGEST_PAUSE).astype(np.int64)
    return np.repeat(first, counts) + exclusive_sums(steps, counts)


def simulate_day(world: World, day: int, busy_until: Array) -> SessionDay:
    """Simulate the sessions that start on one day; they may run past midnight.

    Args:
        world: the users and products.
        day: index of the day, from 0.
        busy_until: for each user, the end of the last session in microseconds; updated here, so
            that a user's sessions never overlap.
    """
    rng = random_stream(world.seed, "sessions", day)
    period = world.period
    activity = world.users.activity_on(day, (period.first_day + 3 + day) % 7)
    users = np.flatnonzero(rng.random(len(activity)) < activity)
    counts = np.minimum(1 + rng.poisson(0.8 + 1.2 * world.users.daily_activity[users]), 6)
    total = int(counts.sum())

    is_app = rng.random(total) < APP_SESSIONS
    is_shop = (rng.random(total) < SHOP_SESSIONS) | ~is_app
    views = _walk(np.minimum(rng.geometric(1 / MEAN_VIEWS, total), MOST_VIEWS) * is_shop, rng)
    app = _walk(
        np.minimum(rng.geometric(1 / MEAN_APP_EVENTS, total), MOST_APP_EVENTS) * is_app, rng
    )
    fate = rng.random(len(views.session))
    has_order = np.zeros(total, dtype=bool)
    has_order[views.session[fate < ORDER_SHARE]] = True
    checkout = views.length + rng.integers(20 * SECOND, 180 * SECOND, total)
    length = np.maximum(np.where(has_order, checkout + SECOND, views.length), app.length)

    start = _start_sessions(world, day, users, counts, length, busy_until, rng)
    session_user = np.repeat(users, counts).astype(np.int32)
    held = start < period.begin_of(day + 1)
    # Sessions stand in time order within a user: the last assignment is the latest end.
    busy_until[session_user[held]] = (start + length)[held]
    # A start after the period drops the events of a session that is not held.
    start = np.where(held, start, period.end)

    time = start[views.session] + views.offset
    inside = time < period.end
    chosen = {
        "user": session_user[views.session],
        "item": world.products.draw(len(time), rng),
        "time": time,
    }
    returning = np.flatnonzero(rng.random(len(time)) < FAVOURITE_VIEWS)
    chosen["item"][returning] = world.draw_favourites(chosen["user"][returning], rng)
    clicked = np.flatnonzero((fate < CLICK_SHARE) & inside)
    click_gap = views.gap[clicked]
    speed = rng.random(len(clicked))
    clicks = {name: values[clicked] for name, values in chosen.items()}
    view_time = clicks["time"]
    clicks["time"] = view_time + (click_gap * (0.1 + 0.4 * speed)).astype(np.int64)
    clicks_inside = clicks["time"] < period.end

    in_cart = np.flatnonzero((fate[clicked] < CART_SHARE) & clicks_inside)
    carts = {name: values[in_cart] for name, values in clicks.items()}
    variant = rng.integers(0, SIMPLES_PER_ITEM, len(in_cart), dtype=np.int32)
    carts["simple"] = carts["item"] * SIMPLES_PER_ITEM + variant
    cart_delay = (click_gap * (0.55 + 0.35 * speed)).astype(np.int64)[in_cart]
    carts["time"] = view_time[in_cart] + cart_delay
    carts_inside = carts["time"] < period.end

    ordered = np.flatnonzero((fate[clicked][in_cart] < ORDER_SHARE) & carts_inside)
    orders = {name: values[ordered] for name, values in carts.items()}
    order_session = views.session[clicked][in_cart][ordered]
    # A session has one checkout; a millisecond apart, even the same item twice stays two orders.
    place = np.arange(len(ordered)) - np.searchsorted(order_session, order_session)
    orders["time"] = start[order_session] + checkout[order_session] + place * 1000

    app_time = start[app.session] + app.offset
    app_inside = app_time < period.end
    app_events = {
        "user": session_user[app.session],
        "time": app_time,
        "gap": app.gap,
        "first": app.offset == 0,
    }
    sessions = {
        "user": session_user,
        "start": start,
        "end": np.minimum(start + length, period.end - 1),
        "shop": is_shop,
    }
    return SessionDay(
        sessions=_select(sessions, held),
        views=_select(chosen, inside),
        clicks=_select(clicks, clicks_inside),
        carts=_select(carts, carts_inside),
        orders=_select(orders, orders["time"] < period.end),
        app_events=_select(app_events, app_inside),
    )


def _select(columns: Columns, rows: Array) -> Columns:
    return columns if rows.all() else {name: values[rows] for name, values in columns.items()}


def rank_items(world: World, day: int, customers: Array, orders: Columns) -> tuple[Array, Array]:
    """Draw the rankings shown on one day.

    Args:
        customers: positions of the users who came.
        orders: the day's orders (user, item); most of the ordered items were shown.

    Returns:
        The customer of each ranking, and an array with one row a ranking: item id × 2 + (1 if
        the customer ordered the item that day), 0 in a free slot.
    """
    rng = random_stream(world.seed, "rankings", day)
    again = customers[rng.random(len(customers)) < SECOND_RANKING]
    shown_to = np.concatenate([customers, again])
    # A few bestsellers, a favourite, and the long tail: bestsellers alone would repeat too often.
    shape = (IMPRESSION_SLOTS, len(shown_to))
    slots = rng.integers(1, len(world.products) + 1, shape, dtype=np.int32)
    popular = slots[::3]
    popular[:] = world.products.draw(popular.size, rng).reshape(popular.shape)
    slots[1] = world.draw_favourites(shown_to, rng)

    shown = np.flatnonzero(rng.random(len(orders["user"])) < SHOWN_ORDERS)
    ranking = np.searchsorted(customers, orders["user"][shown])
    slots[rng.integers(0, IMPRESSION_SLOTS, len(shown)), ranking] = orders["item"][shown]

    free = np.zeros(slots.shape, dtype=bool)
    for later in range(1, IMPRESSION_SLOTS):
        for earlier in range(later):
            free[later] |= slots[later] == slots[earlier]
    cells = np.where(free, 0, slots * 2).T.copy()

    mark_ordered(cells, shown_to, orders, len(world.users), len(world.products))
    return shown_to, cells


def mark_ordered(cells: Array, shown_to: Array, orders: Columns, users: int, items: int) -> None:
    """Add 1 to each cell whose item its customer ordered that day.

    Args:
        cells: one row a ranking: item id × 2, 0 in a free slot; changed in place.
        shown_to: the customer of each ranking, by position.
        orders: the day's orders (user, item).
        users: how many users there are.
        items: the highest item id.
    """
    ordering = np.zeros(users, dtype=bool)
    ordering[orders["user"]] = True
    rows = np.flatnonzero(ordering[shown_to])
    width = items + 1
    shown_pairs = shown_to[rows, None].astype(np.int64) * width + cells[rows] // 2
    ordered_pairs = orders["user"].astype(np.int64) * width + orders["item"]
    cells[rows] += np.isin(shown_pairs, ordered_pairs).astype(cells.dtype)
