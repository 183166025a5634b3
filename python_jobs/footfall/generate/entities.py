"""Twelve entities: their valid rows, column by column, and how their strings are written."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from footfall.generate.columns import (
    DAY,
    MINUTE,
    SECOND,
    Array,
    Columns,
    choose,
    concatenate,
    null_of,
    random_stream,
    round_at_random,
)
from footfall.generate.dirt import UNKNOWN_VALUE
from footfall.generate.sessions import SessionDay
from footfall.generate.strings import Numbered, StringEncoder, Vocabulary
from footfall.generate.versions import Revise, revisions
from footfall.generate.world import (
    ATTRIBUTES,
    COUNTRIES,
    CURRENCIES,
    CURRENCY_OF_COUNTRY,
    DEVICES,
    SUBSCRIPTIONS,
    World,
)
from footfall.project.contracts import Contract, load_contracts

PAGES = 400
REFERRERS = ("google", "newsletter", "social", "partner", "direct")
PAYMENT_METHODS = {"card": 46.0, "paypal": 28.0, "invoice": 16.0, "bank_transfer": 10.0}
SEGMENTS = {"new": 22.0, "regular": 48.0, "loyal": 18.0, "vip": 4.0, "dormant": 8.0}
OUTCOMES = {"resolved": 74.0, "escalated": 11.0, "unresolved": 9.0, "abandoned": 6.0}
# fmt: off
CITIES = (
    "Berlin", "Hamburg", "Paris", "Lyon", "London", "New York",
    "Amsterdam", "Warsaw", "Madrid", "Milan", "Stockholm", "Zurich",
)
FIRST_NAMES = (
    "Ada", "Ben", "Clara", "David", "Elif", "Finn", "Grace", "Hugo", "Ines", "Jonas",
    "Karin", "Liam", "Mina", "Noah", "Olga", "Pavel", "Rosa", "Samir", "Tess", "Umut",
)
LAST_NAMES = (
    "Adler", "Becker", "Conti", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov",
    "Jansen", "Kowalski", "Lund", "Meyer", "Novak", "Okafor", "Petit", "Rossi", "Schmidt",
    "Tanaka", "Weber",
)
# fmt: on

UNMEASURED_DURATIONS = 0.08
TRACKED_VIEWS = 0.5
SESSIONS_WITH_SEARCH = 0.5
ABSENT_AMOUNTS = 0.1
SUPPORT_CONTACTS = 0.006
"""Contacts with support per customer and day."""


GENERATED = tuple(
    f"{source}.{entity}"
    for source, entities in {
        "product": ("interactions",),
        "app": ("interactions", "users"),
        "shop": ("impressions", "clicks", "add_to_carts", "orders"),
        "crm": ("customers", "transactions", "support_interactions", "events", "sessions"),
    }.items()
    for entity in entities
)
"""What the simulated shop delivers; a contract beside these has no generated rows."""


@dataclass(frozen=True)
class Entity:
    """What the writer needs to know of an entity besides its contract.

    Args:
        contract: its columns, key and rules.
        strings: the encoder of each string column.
        id_column: the column with a running number that identifies a row.
        can_be_late: whether rows may arrive after the day of their event.
        first_id: the first unused number of the id column.
        revise: how rows change later.
    """

    contract: Contract
    strings: dict[str, StringEncoder]
    id_column: str | None = None
    can_be_late: bool = True
    first_id: int = field(default=1)
    revise: Revise | None = None


def describe_entities(world: World) -> dict[str, Entity]:
    """Return the generated entities by name, in the order of the contracts."""
    digits = max(6, len(str(len(world.users))))
    user = Numbered("u", digits)
    product = Vocabulary(f"p{item}" for item in range(len(world.products) + 1))
    device = Vocabulary(DEVICES)
    versions = 8 + world.period.days // 7 + 1
    strings: dict[str, dict[str, StringEncoder]] = {
        "product.interactions": {"product_id": product},
        "app.interactions": {
            "page_id": Vocabulary(f"page-{page:03d}" for page in range(PAGES)),
            "app_version": Vocabulary(f"5.{release}.0" for release in range(versions)),
            "referrer": Vocabulary(REFERRERS),
        },
        "app.users": {
            "country": Vocabulary(COUNTRIES),
            "device_type": device,
            "subscription_type": Vocabulary(SUBSCRIPTIONS),
        },
        "shop.impressions": {"ranking_id": Numbered("r", 10)},
        "crm.customers": {
            "name": Vocabulary(f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES),
            # Twice as many numbers: a customer may take another address.
            "email": Numbered("customer", max(6, len(str(2 * len(world.users)))), "@example.com"),
            "phone": Numbered("+4930", 8),
            "location": Vocabulary(CITIES),
            "customer_segment": Vocabulary(SEGMENTS),
        },
        "crm.transactions": {
            "transaction_id": Numbered("t", 10),
            "product_id": product,
            "currency": Vocabulary([*CURRENCIES, UNKNOWN_VALUE]),
            "payment_method": Vocabulary(PAYMENT_METHODS),
        },
        "crm.support_interactions": {
            "interaction_id": Numbered("c", 10),
            "interaction_outcome": Vocabulary(OUTCOMES),
        },
        "crm.events": {"event_id": Numbered("e", 10)},
        "crm.sessions": {"session_id": Numbered("s", 10), "device_type": device},
    }
    numbered = {"shop.impressions": "ranking_id"}
    entities = {}
    for name, contract in load_contracts().items():
        if name not in GENERATED:
            continue
        by_contract: dict[str, StringEncoder] = {}
        for column in contract.columns:
            if column.accepted_values:
                by_contract[column.name] = Vocabulary([*column.accepted_values, UNKNOWN_VALUE])
            elif column.identifies == "user":
                by_contract[column.name] = user
        entities[name] = Entity(
            contract=contract,
            strings=strings.get(name, {}) | by_contract,
            id_column=numbered.get(name, contract.key[0] if len(contract.key) == 1 else None),
            can_be_late=name not in ("app.users", "crm.customers"),
            first_id=len(world.users) + 1 if name == "crm.customers" else 1,
            revise=revisions(contract, len(SEGMENTS)),
        )
    return entities


def accepted_values(entity: Entity, column: str) -> list[str]:
    """Return the accepted values of a column; a code is a position in them."""
    return next(c.accepted_values or [] for c in entity.contract.columns if c.name == column)


def code_of(entity: Entity, column: str, value: str) -> int:
    """Return the code of an accepted value."""
    return accepted_values(entity, column).index(value)


def _codes(entity: Entity, column: str, value: str, size: int) -> Array:
    return np.full(size, code_of(entity, column, value), dtype=np.int8)


def _dates(times: Array) -> Array:
    return (times // DAY).astype(np.int32)


def customer_ids(users: Array) -> Array:
    return users.astype(np.int64) + 1


def product_interactions(entity: Entity, day: SessionDay) -> Columns:
    """Return views, clicks and purchases: the funnel of the shop's own clicks and orders."""
    parts = [("view", day.views), ("click", day.clicks), ("purchase", day.orders)]
    return concatenate(
        [
            {
                "event_time": rows["time"],
                "user_id": rows["user"] + 1,
                "product_id": rows["item"],
                "interaction_type": _codes(entity, "interaction_type", kind, len(rows["time"])),
            }
            for kind, rows in parts
        ]
    )


def app_interactions(entity: Entity, world: World, day: int, rows: Columns) -> Columns:
    """Return what users did in the application.

    Args:
        rows: user, time, gap and first, of each event.
    """
    rng = random_stream(world.seed, "app.interactions", day)
    size = len(rows["time"])
    actions = {"page_view": 70.0, "edit": 15.0, "create": 7.0, "delete": 3.0, "share": 5.0}
    action = choose(rng, actions.values(), size)
    codes = [code_of(entity, "action_type", name) for name in actions]
    duration = (rows["gap"] * (0.2 + 0.75 * rng.random(size))).astype(np.int64) // 1000
    duration[rng.random(size) < UNMEASURED_DURATIONS] = null_of(duration)
    referrer = choose(rng, (50, 10, 15, 5, 20), size)
    referrer[~rows["first"]] = null_of(referrer)
    latest = 8 + day // 7
    return {
        "event_time": rows["time"],
        "user_id": rows["user"] + 1,
        "action_type": np.array(codes, dtype=np.int8)[action],
        # Squaring favours the first pages.
        "page_id": (rng.random(size) ** 2 * PAGES).astype(np.int16),
        "duration_ms": duration,
        "app_version": latest - world.users.version_lag[rows["user"]],
        "referrer": referrer,
    }


def app_users(world: World) -> Columns:
    """Return a row for each user at joining, and one for each later change of an attribute."""
    users = world.users
    positions: list[Array] = [np.arange(len(users))]
    times = [users.joined_at]
    for name in ATTRIBUTES:
        changing = np.flatnonzero(users.changed_at[name] < world.period.end)
        positions.append(changing)
        times.append(users.changed_at[name][changing])
    position, time = np.concatenate(positions), np.concatenate(times)
    return {
        "user_id": position.astype(np.int32) + 1,
        "join_date": _dates(users.joined_at[position]),
        **users.attributes_at(position, time),
        "updated_at": time,
    }


def shop_clicks(clicks: Columns) -> Columns:
    return {
        "dt": _dates(clicks["time"]),
        "customer_id": customer_ids(clicks["user"]),
        "item_id": clicks["item"],
        "click_time": clicks["time"],
    }


def shop_items(rows: Columns, date_column: str) -> Columns:
    """Return carts or orders: user, item, simple and time under the contract's names."""
    return {
        date_column: _dates(rows["time"]),
        "customer_id": customer_ids(rows["user"]),
        "config_id": rows["item"],
        "simple_id": rows["simple"],
        "occurred_at": rows["time"],
    }


def shop_impressions(date: int, shown_to: Array, cells: Array) -> Columns:
    """Return one row a ranking.

    Args:
        date: in days since 1970.
        shown_to: the user of each ranking.
        cells: item id × 2 + is_order, 0 in a free slot, one row a ranking.
    """
    return {
        "dt": np.full(len(shown_to), date, dtype=np.int32),
        "customer_id": customer_ids(shown_to),
        "impressions": cells,
    }


def crm_customers(world: World) -> Columns:
    """Return one row per customer: every user is one."""
    rng = random_stream(world.seed, "crm.customers")
    size = len(world.users)
    return {
        "customer_id": np.arange(1, size + 1, dtype=np.int64),
        "name": rng.integers(0, len(FIRST_NAMES) * len(LAST_NAMES), size, dtype=np.int16),
        "email": np.arange(1, size + 1, dtype=np.int64),
        "phone": rng.integers(0, 10**8, size, dtype=np.int64),
        "registration_date": _dates(world.users.joined_at),
        "location": rng.integers(0, len(CITIES), size, dtype=np.int8),
        "customer_segment": choose(rng, SEGMENTS.values(), size),
        "updated_at": world.users.joined_at,
    }


def crm_transactions(entity: Entity, world: World, day: int, orders: Columns) -> Columns:
    """Return the payment of each order, seconds to two minutes later."""
    rng = random_stream(world.seed, "crm.transactions", day)
    size = len(orders["time"])
    price = world.products.price_cents[orders["item"]]
    quantity = 1 + choose(rng, (80, 13, 4, 2, 1), size).astype(np.int32)
    amount = price * quantity
    amount[rng.random(size) < ABSENT_AMOUNTS] = null_of(amount)
    statuses = {"completed": 92.0, "pending": 3.0, "failed": 3.0, "refunded": 2.0}
    codes = [code_of(entity, "transaction_status", status) for status in statuses]
    time = orders["time"] + rng.integers(SECOND, 2 * MINUTE, size)
    paid_at = np.minimum(time, world.period.end - 1)
    country = world.users.attributes_at(orders["user"], orders["time"])["country"]
    return {
        "customer_id": customer_ids(orders["user"]),
        "product_id": orders["item"],
        "quantity": quantity,
        "price": price,
        "amount": amount,
        "currency": CURRENCY_OF_COUNTRY[country],
        "payment_method": choose(rng, PAYMENT_METHODS.values(), size),
        "transaction_time": paid_at,
        "transaction_status": np.array(codes, dtype=np.int8)[choose(rng, statuses.values(), size)],
        "updated_at": paid_at,
    }


def crm_support_interactions(entity: Entity, world: World, day: int) -> Columns:
    """Return contacts with support, by customers at random."""
    rng = random_stream(world.seed, "crm.support_interactions", day)
    customers = np.flatnonzero(world.users.join_day <= day)
    size = round_at_random(len(customers) * SUPPORT_CONTACTS, rng)
    kinds = [code_of(entity, "interaction_type", kind) for kind in ("chat", "email", "call")]
    return {
        "customer_id": customer_ids(customers[rng.integers(0, len(customers), size)]),
        "interaction_date": np.full(size, world.period.first_day + day, dtype=np.int32),
        "interaction_type": np.array(kinds, dtype=np.int8)[choose(rng, (50, 30, 20), size)],
        "response_time": (rng.standard_exponential(size) * 1800).astype(np.int32),
        "interaction_outcome": choose(rng, OUTCOMES.values(), size),
    }


def crm_events(entity: Entity, world: World, day: int, simulated: SessionDay) -> Columns:
    """Return tracked events of the same sessions: half of the views, searches, carts, orders."""
    rng = random_stream(world.seed, "crm.events", day)
    views, sessions = simulated.views, simulated.sessions
    tracked = rng.random(len(views["time"])) < TRACKED_VIEWS
    searched = sessions["shop"] & (rng.random(len(sessions["user"])) < SESSIONS_WITH_SEARCH)
    search_time = sessions["start"][searched]
    search_time = search_time + rng.integers(SECOND // 2, 2 * SECOND, len(search_time))
    parts = [
        ("page_view", views["user"][tracked], views["time"][tracked]),
        (
            "search",
            sessions["user"][searched],
            np.minimum(search_time, world.period.end - 1),
        ),
        ("add_to_cart", simulated.carts["user"], simulated.carts["time"]),
        ("purchase", simulated.orders["user"], simulated.orders["time"]),
    ]
    return concatenate(
        [
            {
                "customer_id": customer_ids(users),
                "event_type": _codes(entity, "event_type", kind, len(users)),
                "event_timestamp": times,
            }
            for kind, users, times in parts
        ]
    )


def crm_sessions(world: World, day: int, sessions: Columns) -> Columns:
    """Return the sessions as the tracking tool closed them."""
    rng = random_stream(world.seed, "crm.sessions", day)
    size = len(sessions["user"])
    own = world.users.attributes_at(sessions["user"], sessions["start"])["device_type"]
    other = choose(rng, DEVICES.values(), size)
    return {
        "customer_id": customer_ids(sessions["user"]),
        "device_type": np.where(rng.random(size) < 0.15, other, own),
        "session_start": sessions["start"],
        "session_end": sessions["end"],
        "session_duration": ((sessions["end"] - sessions["start"]) // SECOND).astype(np.int32),
    }
