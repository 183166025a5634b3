"""The law of incremental tables, and what stands under it.

Any split of the same input into loads, in any order, with duplicates, late and bad rows, gives the
tables of one full refresh, and those of the oracle. A model is under the law once its yml tests its
grain. Where :data:`EXPECTED` has nothing of it, it is held against the full refresh alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from pyspark.sql import functions as F

from footfall.errors import FootfallError
from footfall.generate.entities import GENERATED
from footfall.ingest.types import contract_type
from footfall.project.contracts import Column, Contract, get_contract, load_contracts
from footfall.project.tables import list_tables
from footfall.settings import PROJECT_DIR, get_settings
from support.data_sets import DataSet
from support.reference import ENTITIES, Definitions, Oracle, core_actions, differences
from support.thorough import THOROUGH

LOAD_COLUMNS = frozenset({"_load_id", "load_id", "ingested_at", "_ingested_at"})
"""What tells how the rows arrived, and not what they say."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """An incremental table: its layer, its grain, and what the oracle says it holds.

    The oracle knows nothing of ``unsaid`` columns: where a row lies, what dbt calls it, estimates.
    """

    layer: str
    key: tuple[str, ...]
    expected: Callable[[Oracle], pa.Table] | None = None
    unsaid: tuple[str, ...] = ()


def staged(name: str) -> Callable[[Oracle], pa.Table]:
    """Return what says the rows of an entity's staging table."""
    return lambda oracle: oracle.staged(name)


def published(name: str) -> Callable[[Oracle], pa.Table]:
    """Return what says the rows of a mart that has an entity's accepted rows."""

    def expected(oracle: Oracle) -> pa.Table:
        rows = staged(name)(oracle)
        return rows.drop_columns(sorted({"event_key", "interaction_date"} & {*rows.column_names}))

    return expected


EXPECTED: dict[str, Callable[[Oracle], pa.Table]] = {
    **{
        known.staging_model: staged(name)
        for name, known in load_contracts().items()
        if name in ENTITIES
    },
    "snap_app_users": Oracle.user_versions,
    "fct_sessions": Oracle.sessions,
    "fct_session_metrics_daily": Oracle.session_metrics,
    "fct_session_duration_daily": Oracle.session_durations,
    "fct_user_activity_daily": Oracle.user_activity,
    "fct_user_sketches_daily": Oracle.user_sketches,
    "fct_user_activity_monthly": Oracle.user_months,
    "fct_active_users_daily": Oracle.active_users,
    "fct_active_days_histogram": Oracle.active_days_histogram,
    "fct_growth_accounting": Oracle.growth_accounting,
    "fct_retention_cohorts": Oracle.retention_cohorts,
    "dim_users": Oracle.users,
    "int_first_known_users": Oracle.first_known_users,
    "int_hot_products": Oracle.hot_products,
    "fct_product_daily": Oracle.product_daily,
    "fct_user_product_daily": Oracle.user_product_daily,
    "fct_user_product": Oracle.user_product,
    "fct_transactions": Oracle.transactions,
    "fct_support_interactions": published("crm.support_interactions"),
    "fct_customer_events": published("crm.events"),
    "fct_customer_sessions": published("crm.sessions"),
    "dim_customers": Oracle.customers,
    "fct_customer_features": Oracle.customer_features,
    "fct_customer_rfm": Oracle.customer_rfm,
    "fct_customer_lifetime_value": Oracle.customer_lifetime_value,
    "int_customer_action_segments": Oracle.action_segments,
    "int_customer_action_checkpoints": Oracle.action_checkpoints,
    "training_sequences": Oracle.sequences,
    "training_samples": Oracle.samples,
    "dq_metrics_daily": Oracle.column_metrics,
}
UNSAID = {
    "snap_app_users": ("dbt_scd_id",),
    "int_customer_action_checkpoints": ("bucket",),
    # An estimate, of which the oracle knows no algorithm.
    "dq_metrics_daily": ("distinct_count",),
}
OFF_BY_DEFAULT = {"user_sketches": "fct_user_sketches_daily", "column_metrics": "dq_metrics_daily"}
"""Models that a var switches on, by the var."""
NOT_GENERATED = {
    known.staging_model for name, known in load_contracts().items() if name not in GENERATED
}
NOT_BUILT_BY_DEFAULT = {*OFF_BY_DEFAULT.values(), "int_first_known_users"}
SCHEMAS = {"staging": "silver", "marts": "gold"}
"""Layers by folder, where they are called otherwise."""


def grains(project: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield layer, name and grain of each model of a project whose yml tests its grain."""
    models = project / "models"
    for file in sorted(models.rglob("*.yml")):
        folder = file.relative_to(models).parts[0]
        for node in yaml.safe_load(file.read_text()).get("models", []):
            for test in node.get("data_tests", []):
                if isinstance(test, dict) and "unique_grain" in test:
                    columns = test["unique_grain"]["arguments"]["columns"]
                    yield SCHEMAS.get(folder, folder), node["name"], tuple(columns)


@lru_cache(maxsize=4)
def subjects(project: Path) -> dict[str, Subject]:
    """Return the tables of a project that are under the law, by name."""
    return {
        **{
            name: Subject(layer, grain, EXPECTED.get(name), UNSAID.get(name, ()))
            for layer, name, grain in grains(project)
        },
        "snap_app_users": Subject(
            "silver", ("event_key",), EXPECTED["snap_app_users"], UNSAID["snap_app_users"]
        ),
        # A row may be delivered twice and rejected twice.
        "dq_quarantine": Subject("quality", ("source", "load_id", "payload")),
    }


SUBJECTS = subjects(PROJECT_DIR)
WITH_ORACLE = [name for name, subject in SUBJECTS.items() if subject.expected]


def table_contents(data: DataSet) -> dict[str, pa.Table]:
    """Return the rows of all built subjects."""
    built = {
        name.split(".")[1]: layer
        for layer, name in list_tables(data.spark, data.settings)
        if layer != "bronze"
    }
    gold = data.settings.schema_of("gold")
    if data.spark.catalog.databaseExists(gold):
        views = data.spark.sql(f"show views in {gold}").collect()
        built |= {view["viewName"]: "gold" for view in views}
    names = [name for name in subjects(data.project) if name in built]
    return {name: data.table(built[name], name) for name in names}


def unequal(left: Mapping[str, pa.Table], right: Mapping[str, pa.Table]) -> dict[str, str]:
    """Return the tables whose rows, compared as a bag without load columns, are not the same."""
    assert set(left) == set(right)
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for table in left:
            names = ", ".join(sorted(set(left[table].column_names) - LOAD_COLUMNS))
            assert set(left[table].column_names) == set(right[table].column_names)
            connection.register("one", left[table])
            connection.register("other", right[table])
            surplus = [
                connection.sql(
                    f"select {names} from {a} except all select {names} from {b}"
                ).fetchall()
                for a, b in (("one", "other"), ("other", "one"))
            ]
            if any(surplus):
                found[table] = (
                    f"{len(surplus[0])} of {left[table].num_rows} / {len(surplus[1])} of "
                    f"{right[table].num_rows} rows, for example {[rows[:2] for rows in surplus]}"
                )
    print(f"{len(left)} tables, {sum(rows.num_rows for rows in left.values())} rows compared")
    return found


def unlike_oracle(name: str, rows: pa.Table, oracle: Oracle) -> list[str]:
    """Return how a table differs from the oracle's, of the entities that the oracle knows.

    Nothing where the oracle does not know the table.
    """
    subject = SUBJECTS.get(name)
    if subject is None or subject.expected is None:
        return []
    unsaid = LOAD_COLUMNS | set(subject.unsaid)
    content = rows.drop_columns(sorted(unsaid & set(rows.column_names)))
    if "source" in content.column_names:
        content = content.filter(pc.is_in(content["source"], pa.array([*ENTITIES])))
    return differences(content, subject.expected(oracle), list(subject.key))


def check(data: DataSet, name: str, oracle: Oracle) -> None:
    """Fail where a built table is empty or not exactly the oracle's."""
    rows = data.table(SUBJECTS[name].layer, name)
    assert rows.num_rows > 0, f"the data set does not exercise {name}"
    assert unlike_oracle(name, rows, oracle) == []
    print(f"{data.settings.db_schema} {name}: {rows.num_rows} rows equal")


# ---------- schedules

DAY_ZERO = date(2025, 3, 1)
MIDDAY = time(12)
# Half of the rows lie on two days, so that sessions grow and meet their gaps to the microsecond.
# On the 8th day summer begins in New York, on the -118th it had ended. Beside the day of arrival
# lie the last that a row may have and the first that it may not.
DAYS = (
    *(0, 8) * 6, 1, 1, 2, 6, 7, 27, 28, 29, 30, 31, 32, 33, -1, -2, -27, -29, -118, -365, -400,
)  # fmt: skip
TIMES = tuple(
    time.fromisoformat(text)
    for text in (
        "00:00:00", "00:00:00.000001", "00:10:00", "12:00:00", "12:00:00", "12:29:59.999999",
        "12:30:00", "12:59:59.999999", "23:35:00", "23:59:59.999999",
        # Before and after midnight in New York, where it is winter until 9 March.
        "04:58:30", "04:59:59.999999", "05:00:00", "05:01:00",
        # Before and after midnight there in summer, and the hour that is left out or comes twice.
        "03:59:59.999999", "04:00:00", "05:30:00", "06:30:00", "06:59:59.999999", "07:00:00",
    )
)  # fmt: skip
USERS = (*("U0",) * 6, *(f"U{number}" for number in range(11)), "U\x1f\x1b", "y" * 512)
CUSTOMERS = range(1, 9)
NO_IDS = (None, "", " ", "\u2003\t\r\n\u00a0", "x" * 513)


@dataclass(frozen=True)
class Family:
    """Models that hang together: the sources they read, and definitions they are built with.

    Each schedule draws its own definitions from ``varied``, and from ``choices`` vars that change
    how tables are kept and not what they say. ``tried`` are vars that a build on its tables must
    refuse.
    """

    sources: tuple[str, ...]
    definitions: Definitions = field(default_factory=Definitions)
    varied: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    choices: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tried: tuple[dict[str, Any], ...] = ({"reporting_timezone": "Asia/Tokyo"},)

    @property
    def entities(self) -> list[str]:
        return [name for name, known in load_contracts().items() if known.source in self.sources]

    def dbt_vars(self, drawn: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Return the option for dbt."""
        fixed = {
            "sources": list(self.sources),
            "optimize_small_files": 12,
            "run_results_kept_days": 0,
            **dict.fromkeys(OFF_BY_DEFAULT, True),
        }
        return "--vars", json.dumps(fixed | vars(self.definitions) | dict(drawn or {}))


OTHER_SESSIONS = (
    {"reporting_timezone": "Asia/Tokyo"}, {"session_gap_minutes": 7}, {"sources": ["product"]},
    {"engaged_session_seconds": 1}, {"session_max_minutes": 5},
)  # fmt: skip
EDGES = {
    # So long are some sessions of the drawn times, and so early are some of the drawn days.
    "engaged_session_seconds": (120, 600),
    "earliest_event_date": ("2000-01-01", (DAY_ZERO - timedelta(days=400)).isoformat()),
}  # fmt: skip
BITMAPS_OR_DELTAS = {"active_users_bitmap_days": (3, 1000)}
"""Loads of a few rows touch many days, which the default counts by deltas alone."""
FAMILIES = {
    "engagement": Family(
        ("product", "app"),
        varied={
            "session_gap_minutes": (10, 30, 31),
            "session_cap_percentile": (None, 0.5, 0.99),
            "identify_by": ("user_id", "first_known"),
            **EDGES,
        },
        choices=BITMAPS_OR_DELTAS,
        tried=(*OTHER_SESSIONS, {"identify_by": "anonymous_id"}),
    ),
    "engagement_elsewhere": Family(
        ("product", "app"),
        Definitions(
            reporting_timezone="America/New_York",
            session_split_at_midnight=False,
            retention_days=6,
            retention_weeks=2,
            retention_months=1,
            # Of the drawn times some lie exactly so far apart, others farther.
            session_max_minutes=10,
        ),
        varied={
            "session_gap_minutes": (10, 30, 90),
            "session_cap_percentile": (None, 0.5, 0.99),
            "identify_by": ("user_id", "anonymous_id", "first_known"),
            "hot_product_share": (0.01, 0.3, 0.4),
            "hot_product_max_buckets": (2, 32),
        },
        choices={**BITMAPS_OR_DELTAS, "salting": ("auto", "always", "never")},
        tried=OTHER_SESSIONS,
    ),
    "training": Family(
        ("shop",),
        Definitions(sequence_length=4),
        varied={
            "sequence_history_days": (None, 1, 7, 30),
            "checkpoint_every_days": (1, 2, 7, 30),
            "checkpoint_settle_days": (0, 2),
            "checkpoints_kept": (1, 3, 5),
        },
        choices={"checkpoint_buckets": (1, 3)},
        tried=({"reporting_timezone": "Asia/Tokyo"}, {"sequence_length": 5}),
    ),
    "customers": Family(
        ("crm",),
        varied={
            "reporting_timezone": ("UTC", "America/New_York"),
            "as_of_dates": ("month_ends", "month_ends", "weekly", "daily"),
            "exchange_rate_days": (5, 31),
        },
        tried=({"as_of_dates": "daily", "reporting_currency": "USD"},),
    ),
}
IN_NO_FAMILY = {known.source for known in load_contracts().values()} - {
    source for family in FAMILIES.values() for source in family.sources
}
if IN_NO_FAMILY:
    FAMILIES["others"] = Family(tuple(sorted(IN_NO_FAMILY)))


@dataclass(frozen=True)
class Run:
    """A ``dbt build`` after a load: of the whole project where it has no options.

    A run that is refused, which it is where it changes vars, must write nothing.
    """

    after: int
    options: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    is_refused: bool = False


def whole(*after: int) -> tuple[Run, ...]:
    """Return whole builds after loads."""
    return tuple(map(Run, after))


@dataclass(frozen=True)
class Schedule:
    """Deliveries of rows, by entity, and the builds between and after them."""

    family: Family
    loads: tuple[dict[str, list[Row]], ...]
    runs: tuple[Run, ...]
    definitions: Definitions
    chosen: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = [{name: len(rows) for name, rows in load.items()} for load in self.loads]
        runs = [(run.after, *run.options, *run.changes.items()) for run in self.runs]
        return f"{len(self.loads)} loads {sizes}, builds {runs}, {self.dbt_vars()[1]}"

    def dbt_vars(self, changes: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Return the option for dbt."""
        drawn = vars(self.definitions) | dict(self.chosen)
        return self.family.dbt_vars(drawn | dict(changes or {}))


WRONG_TIMES = tuple(
    datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "0001-01-01T00:00:00", "1970-01-01T00:00:00", "1999-12-31T23:59:59.999999",
        "2099-01-01T00:00:00", "9999-12-31T23:59:59.999999",
    )
)  # fmt: skip


def at(day: int, clock: time) -> datetime:
    return datetime.combine(DAY_ZERO + timedelta(days=day), clock, timezone.utc)


ARRIVED = at(31, time(3, 30))
"""When all rows arrive; in New York it is the day before."""


def random_row(name: str, rng: random.Random) -> Row:
    """Return a row of an entity; one in ten breaks a rule of its contract or lies out of time."""
    contract, moment = get_contract(name), at(rng.choice(DAYS), rng.choice(TIMES))
    is_wrong = rng.random() < 0.1
    if is_wrong and rng.random() < 0.4:
        is_wrong, moment = False, rng.choice(WRONG_TIMES)
    row = {column.name: random_value(contract, column, moment, rng) for column in contract.columns}
    return row | rng.choice(wrong_values(contract)) if is_wrong else row


def random_value(contract: Contract, column: Column, moment: datetime, rng: random.Random) -> Any:
    """Draw a value that the contract accepts, from few, so that keys meet."""
    drawn = DRAWN.get(f"{contract.name}.{column.name}")
    if drawn:
        return drawn(moment, rng)
    if column.accepted_values:
        return rng.choice(column.accepted_values)
    if column.identifies:
        return rng.choice(USERS if column.identifies == "user" else CUSTOMERS)
    if not column.required and rng.random() < 0.3:
        return None
    match column.data_type:
        case "timestamp":
            return moment
        case "date":
            return moment.date()
        case "string":
            return f"{column.name}{rng.randrange(36 if contract.key == [column.name] else 3)}"
        case "boolean":
            return rng.random() < 0.5
        case "int" | "bigint":
            edges = [limit for limit in (column.minimum, column.maximum) if limit is not None]
            return rng.choice([*range(1, 6), *map(int, edges)])
        case "float" | "double":
            return float(rng.randrange(1, 6))
    if column.data_type.startswith("decimal"):
        return Decimal(rng.randrange(1, 6))
    raise AssertionError(f"{contract.name}.{column.name} has no values to draw; add it to DRAWN")


def wrong_values(contract: Contract) -> list[Row]:
    """Return values of which each breaks one rule of a contract."""
    wrong: list[Row] = [*OVERFLOWS.get(contract.name, ())]
    for column in contract.columns:
        if column.name in contract.ids:
            wrong += [{column.name: text} for text in NO_IDS]
        elif column.required:
            wrong.append({column.name: None})
        if column.accepted_values:
            wrong.append({column.name: "hover"})
        if column.pattern:
            wrong.append({column.name: "?"})
        for limit, step in ((column.minimum, -1), (column.maximum, 1), (column.above, 0)):
            if limit is not None:
                exact = Decimal if column.data_type.startswith("decimal") else int
                wrong.append({column.name: exact(limit) + step})
    return wrong


def shown_items(moment: datetime, rng: random.Random) -> list[Row]:
    return [
        {"item_id": rng.randrange(1, 6), "is_order": rng.random() < 0.3}
        for _ in range(rng.randrange(1, 4))
    ]


def event_id(_moment: datetime, rng: random.Random) -> str | None:
    """Return the id of an event, of which few have one, so that ids meet."""
    return rng.choice((*(None,) * 8, "m1", "m2", "m3", " "))


def anonymous_id(_moment: datetime, rng: random.Random) -> str | None:
    """Return a device's id, of which some are those of users: such rows may have no other."""
    return rng.choice((None, None, None, " ", "D", *USERS))


def version_time(_moment: datetime, rng: random.Random) -> datetime | None:
    """Return when a version was made, one of so few times that some are equal."""
    return rng.choice((None, None, *(at(day, time(12)) for day in (0, 1, 2, 40))))


DRAWN: dict[str, Callable[[datetime, random.Random], Any]] = {
    "product.interactions.event_id": event_id,
    "app.interactions.event_id": event_id,
    "app.identify_calls.event_id": event_id,
    "product.interactions.anonymous_id": anonymous_id,
    "app.interactions.anonymous_id": anonymous_id,
    "app.identify_calls.anonymous_id": anonymous_id,
    "app.users.join_date": lambda moment, rng: at(rng.choice((-400, -30, 0)), moment.time()).date(),
    "shop.impressions.ranking_id": lambda moment, rng: f"{moment.date()}-{rng.randrange(1, 6)}",
    "shop.impressions.impressions": shown_items,
    "crm.customers.updated_at": version_time,
    "crm.transactions.updated_at": version_time,
    "crm.transactions.price": lambda _, rng: Decimal("1.25"),
    "crm.transactions.amount": lambda _, rng: rng.choice((None, Decimal("3.00"))),
    "crm.transactions.currency": lambda _, rng: rng.choice(("EUR", "EUR", "usd", "JPY", None)),
}
"""Values that a contract does not tell: what must meet, and what makes a difference."""
OVERFLOWS: dict[str, tuple[Row, ...]] = {
    "crm.transactions": ({"quantity": 2, "price": Decimal("5000000000000000.00"), "amount": None},),
}
"""Values that are right one by one, and wrong together."""


ORDERS = ("any", "by time", "by time but one")
"""How rows come to loads: at random; each load what follows the one before; one late row besides.

Only where a load has no early row do tables go on from totals that they keep.
"""


def drawn_schedule(
    family: Family,
    rng: random.Random,
    load_count: int,
    rows_at_least: int,
    rows_at_most: int,
    order: str,
) -> Schedule:
    """Draw loads, definitions and choices, without builds.

    Args:
        rows_at_least: of each entity, before some of them are delivered twice.
        order: one of :data:`ORDERS`.
    """
    loads: list[dict[str, list[Row]]] = [{} for _ in range(load_count)]
    late = rng.choice(family.entities) if order == "by time but one" else None
    for name in family.entities:
        count = rng.randint(rows_at_least, rows_at_most)
        rows = [random_row(name, rng) for _ in range(count)]
        if order == "any":
            numbers = [rng.randrange(load_count) for _ in rows]
        else:
            clock = get_contract(name).event_time
            rows.sort(key=lambda row, clock=clock: str(row[clock] or ""))  # type: ignore[misc]
            numbers = [place * load_count // count for place in range(count)]
            if name == late:
                numbers[rng.randrange(count)] = load_count - 1
        for row, number in zip(rows, numbers, strict=True):
            loads[number].setdefault(name, []).append(row)
            if rng.random() < 0.2:
                again = rng.randrange(0 if order == "any" else number, load_count)
                loads[again].setdefault(name, []).append(row)
    varied = {name: rng.choice(values) for name, values in family.varied.items()}
    chosen = {name: rng.choice(values) for name, values in family.choices.items()}
    definitions = replace(family.definitions, **varied)
    for load in loads:
        for name, rows in load.items():
            if "user" in (column.identifies for column in get_contract(name).columns):
                rows += followers(name, rows, definitions, rng)
    return Schedule(family, tuple(loads), (), definitions, chosen)


def followers(
    name: str, rows: Sequence[Row], definitions: Definitions, rng: random.Random
) -> list[Row]:
    """Return rows of the same users, as much later as decides something of a session.

    Args:
        name: an entity of users' events.
        rows: of a load; few of them get a follower.
    """
    clock = get_contract(name).event_time
    gap = timedelta(minutes=definitions.session_gap_minutes)
    longest = timedelta(minutes=definitions.session_max_minutes or 0)
    tick = timedelta(microseconds=1)
    found = []
    for row in rows:
        if rng.random() < 0.15 and row[clock] and row[clock] < at(max(DAYS), MIDDAY):
            later = row[clock] + rng.choice((gap - tick, gap, longest, longest + tick))
            found.append(row | {clock: later})
    return found


def random_schedule(
    family: Family, rng: random.Random, data: DataSet, most_loads: int = 5
) -> Schedule:
    """Draw two loads or more: rows arrive in some order, some of them twice, some very late.

    Around whole builds, of which the last follows the last load, lie such of parts, refused ones of
    other definitions, and refused ones without rows.
    """
    load_count = rng.randint(2, most_loads)
    drawn = drawn_schedule(family, rng, load_count, 3, 48, rng.choice(ORDERS))
    manifest = data.dbt("parse", *drawn.dbt_vars())
    models = sorted(
        node.name for node in manifest.nodes.values() if node.resource_type in ("model", "snapshot")
    )
    first, last = rng.randrange(load_count - 1), load_count - 1
    runs = [Run(first, ("--select", f"+{rng.choice(models)}"))] if rng.random() < 0.3 else []
    runs.append(Run(first))
    for number in range(first, load_count):
        if rng.random() < 0.6:
            runs.append(random_move(number, family, models, rng))
        if number == last or (number > first and rng.random() < 0.3):
            runs.append(Run(number))
    return replace(drawn, runs=tuple(runs))


def random_move(after: int, family: Family, models: Sequence[str], rng: random.Random) -> Run:
    """Draw a run on built tables that is no whole build."""
    kind = rng.random()
    if kind < 0.2:
        return Run(after, changes=rng.choice(family.tried), is_refused=True)
    if kind < 0.3:
        return Run(after, ("--empty",), is_refused=True)
    one, some = rng.choice(models), rng.sample(models, rng.randint(1, min(6, len(models))))
    return Run(
        after,
        rng.choice(
            (
                ("--select", *some), ("--exclude", *some), ("--exclude", one),
                ("--exclude", f"{one}+"), ("--select", f"+{one}"), ("--select", f"{one}+"),
                ("--full-refresh", "--select", one),
            )
        ),
    )  # fmt: skip


def as_arrow(name: str, rows: list[Row]) -> pa.Table:
    contract = get_contract(name)
    schema = pa.schema(
        [(column.name, contract_type(column.data_type)) for column in contract.columns]
    )
    return pa.Table.from_pylist(rows, schema)


def append_load(data: DataSet, name: str, load_id: int, rows: pa.Table) -> None:
    """Commit a load to bronze as ingestion does: one append, with the next load id."""
    load_ids = pa.array([load_id] * rows.num_rows, pa.int64())
    append_loads(data, name, rows.append_column("_load_id", load_ids))


def append_loads(data: DataSet, name: str, rows: pa.Table) -> None:
    """Commit rows of several loads, named by their ``_load_id``, to bronze at once."""
    contract = get_contract(name)
    data.spark.sql(f"create schema if not exists {data.settings.schema_of('bronze')}")
    bronze = contract.bronze_table(data.settings)
    data.spark.sql(f"create table if not exists {bronze} ({contract.ddl()}) using delta")
    frame = data.spark.createDataFrame(rows)
    for column, value in (
        ("_ingested_at", F.current_timestamp()),
        ("_source_file", F.concat(F.lit("load-"), "_load_id")),
        ("_ingest_errors", F.array().cast("array<string>")),
    ):
        if column not in frame.columns:
            frame = frame.withColumn(column, value)
    frame.coalesce(1).write.format("delta").mode("append").saveAsTable(bronze)


def play(data: DataSet, schedule: Schedule, *options: str) -> Oracle:
    """Play a schedule on empty tables, with options for dbt; return the oracle of the same rows."""
    data.drop_all()
    core = core_actions(PROJECT_DIR / "seeds" / "action_types.csv")
    oracle = Oracle(core, schedule.definitions, ARRIVED)
    load_ids = dict.fromkeys(schedule.family.entities, 0)
    for number, load in enumerate(schedule.loads):
        for name, rows in load.items():
            arrow = as_arrow(name, rows)
            load_ids[name] += 1
            arrived = pa.array([ARRIVED] * arrow.num_rows, pa.timestamp("us", "UTC"))
            append_load(data, name, load_ids[name], arrow.append_column("_ingested_at", arrived))
            if name in ENTITIES:
                oracle.connection.register("arriving", arrow)
                oracle.load(name, "select *, null::varchar[] as errors from arriving")
        for run in schedule.runs:
            if run.after == number:
                arguments = (*run.options, *schedule.dbt_vars(run.changes), *options)
                refused(data, *arguments) if run.is_refused else data.build(*arguments)
    oracle.judge()
    return oracle


def refused(data: DataSet, *arguments: str) -> str:
    """Run a build that must stop before it writes; return what it says."""
    before = data.versions()
    with pytest.raises(FootfallError) as stopped:
        data.build(*arguments)
    assert data.versions() == before
    return str(stopped.value)


def unlike_tables(data: DataSet, oracle: Oracle) -> dict[str, list[str]]:
    """Return how the built tables differ from the oracle's, by table."""
    return {
        name: differs
        for name, rows in table_contents(data).items()
        if (differs := unlike_oracle(name, rows, oracle))
    }


def breaches_of_oracle(data: DataSet, oracle: Oracle) -> dict[str, Any]:
    """Return how the built tables and the reconciliation differ from the oracle's."""
    breaches: dict[str, Any] = {
        f"{name} and the oracle": differs for name, differs in unlike_tables(data, oracle).items()
    }
    pairs = {
        "reconciliation": (data.reconciliation(), oracle.reconciliation()),
        "conflicting duplicates": (data.conflicts(), oracle.conflicts()),
    }
    return breaches | differing(pairs)


def breaches_by_load(data: DataSet, oracle: Oracle) -> dict[str, Any]:
    """Return how what is said of each load differs from the oracle's."""
    pairs = {
        "reconciliation by load": (data.reconciliation_by_load(), oracle.reconciliation_by_load()),
        "quarantine": (data.quarantine(), oracle.quarantine()),
    }
    return differing(pairs)


def differing(pairs: Mapping[str, tuple[Mapping[Any, Any], Mapping[Any, Any]]]) -> dict[str, Any]:
    """Return the pairs whose entries are not the same, of the entities that the oracle knows.

    Args:
        pairs: entries by entity, or by a tuple that begins with it.
    """

    def known(entries: Mapping[Any, Any]) -> dict[Any, Any]:
        entity = {key: key if isinstance(key, str) else key[0] for key in entries}
        return {key: entries[key] for key in entries if entity[key] in ENTITIES}

    found = {name: (known(built), expected) for name, (built, expected) in pairs.items()}
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


@contextmanager
def days_computed_by(engine: str) -> Iterator[None]:
    """Set what computes models whose days are independent, as FOOTFALL_DAY_ENGINE does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DAY_ENGINE", engine)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def breaches_of_full_refresh(data: DataSet, *options: str) -> dict[str, Any]:
    """Rebuild tables from nothing and return those that come out differently.

    Spark alone rebuilds them, also those whose days DuckDB has computed. By default only the tables
    that the oracle does not know: the others were held against it. A thorough run also has DuckDB
    rebuild all of them, where it can.
    """
    incremental = table_contents(data)
    known = subjects(data.project)
    rebuilt = [name for name in known if known[name].expected is None]
    select = () if THOROUGH else ("--select", *rebuilt)
    breaches = {}
    for engine in ("spark", "auto") if THOROUGH else ("spark",):
        with days_computed_by(engine):
            data.build("--full-refresh", *select, *options)
        for name, differs in unequal(incremental, table_contents(data)).items():
            breaches[f"{name} and the full refresh, day engine {engine}"] = differs
    return breaches


def run_schedule(data: DataSet, schedule: Schedule) -> dict[str, Any]:
    """Play a schedule and return every breach of the law; none is an empty dict."""
    oracle = play(data, schedule)
    breaches = breaches_of_oracle(data, oracle) | breaches_by_load(data, oracle)
    return breaches | breaches_of_full_refresh(data, *schedule.dbt_vars())
