"""The law of incremental tables, and what stands under it.

Any split of the same input into loads, in any order, with duplicates, late and bad rows, gives the
tables of one full refresh, and those of the oracle. To put a new incremental model under the law,
add its name to :data:`SUBJECTS`; where the oracle has no expected table for it, it is held against
the full refresh alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from conftest import DataSet
from hypothesis import strategies as st
from pyspark.sql import functions as F
from reference import Definitions, Oracle, core_actions, differences

from footfall.contracts import load_contracts
from footfall.ingest.types import contract_type
from footfall.settings import PROJECT_DIR
from footfall.tables import list_tables

LOAD_COLUMNS = frozenset({"_load_id", "load_id", "ingested_at", "_ingested_at"})
"""What tells how the rows arrived, and not what they say."""
OF_SINGLE_LOADS = frozenset({"dq_load_reconciliation"})
"""Subjects that are equal only after the same loads; otherwise their totals are."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """An incremental table: its layer, its grain, and what the oracle says it holds."""

    layer: str
    key: tuple[str, ...]
    expected: Callable[[Oracle], pa.Table] | None = None


def staging(name: str) -> Subject:
    """Return the subject of an entity's staging table."""
    unused = {"dt", "order_date"} - ({"dt"} if name == "shop.impressions" else set())

    def expected(oracle: Oracle) -> pa.Table:
        rows = oracle.accepted(name)
        return rows.drop_columns(sorted(unused & set(rows.column_names)))

    return Subject("silver", ("event_key",), expected)


SUBJECTS: dict[str, Subject] = {
    **{f"stg_{name.replace('.', '__')}": staging(name) for name in load_contracts()},
    "snap_app_users": Subject("silver", ("event_key",)),
    "fct_sessions": Subject("gold", ("session_id",), Oracle.sessions),
    "fct_session_metrics_daily": Subject(
        "gold", ("event_date", "segment_type", "segment_value"), Oracle.session_metrics
    ),
    "fct_user_activity_daily": Subject("gold", ("user_id", "event_date"), Oracle.user_activity),
    "fct_active_users_daily": Subject(
        "gold",
        ("metric_date", "definition", "segment_type", "segment_value"),
        Oracle.active_users,
    ),
    "dim_users": Subject("gold", ("user_id", "valid_from"), Oracle.users),
    "int_hot_products": Subject("gold", ("event_date", "product_id")),
    "fct_user_product_daily": Subject(
        "gold", ("user_id", "product_id", "event_date"), Oracle.user_product_daily
    ),
    "fct_user_product": Subject("gold", ("user_id", "product_id"), Oracle.user_product),
    "fct_customer_features": Subject(
        "gold", ("customer_id", "as_of_date"), Oracle.customer_features
    ),
    "int_customer_action_segments": Subject("training", ("customer_id", "event_date")),
    "training_sequences": Subject("training", ("dt", "customer_id"), Oracle.sequences),
    "training_samples": Subject(
        "training", ("dt", "ranking_id", "customer_id", "position"), Oracle.samples
    ),
    "dq_quarantine": Subject("quality", ("source", "load_id", "payload")),
    "dq_load_reconciliation": Subject("quality", ("source", "load_id")),
}


def table_contents(data: DataSet, leave_out: Collection[str] = frozenset()) -> dict[str, pa.Table]:
    """Return the rows of all built subjects but those left out."""
    built = {
        name.split(".")[1]: layer
        for layer, name in list_tables(data.spark, data.settings)
        if layer != "bronze"
    }
    names = [name for name in SUBJECTS if name in built and name not in leave_out]
    return {name: data.table(built[name], name) for name in names}


def unequal(
    left: Mapping[str, pa.Table],
    right: Mapping[str, pa.Table],
    ignored: Collection[str] = LOAD_COLUMNS,
) -> dict[str, str]:
    """Return the tables whose rows, compared as a bag without ignored columns, differ."""
    assert set(left) == set(right)
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for table in left:
            names = ", ".join(sorted(set(left[table].column_names) - set(ignored)))
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


def unlike_oracle(tables: Mapping[str, pa.Table], oracle: Oracle) -> dict[str, list[str]]:
    """Return the tables that are not the oracle's, with how they differ."""
    found = {}
    for name, rows in tables.items():
        subject = SUBJECTS[name]
        if subject.expected is None:
            continue
        content = rows.drop_columns(sorted(LOAD_COLUMNS & set(rows.column_names)))
        if differs := differences(content, subject.expected(oracle), list(subject.key)):
            found[name] = differs
    return found


# ---------- schedules

DAY_ZERO = date(2025, 3, 1)
DAYS = (0, 0, 0, 1, 1, 2, 6, 7, 27, 28, 29, 30, 31, -1, -2, -29, -365, -400)
TIMES = tuple(
    time.fromisoformat(text)
    for text in (
        "00:00:00", "00:00:00.000001", "00:10:00", "12:00:00", "12:00:00", "12:29:59.999999",
        "12:30:00", "12:59:59.999999", "23:35:00", "23:59:59.999999",
    )
)  # fmt: skip
USERS = ("U1", "U2", "U3", "U4")
CUSTOMERS = (1, 2, 3)


@dataclass(frozen=True)
class Family:
    """Models that hang together: the sources they read, and definitions they are built with."""

    sources: tuple[str, ...]
    definitions: Definitions = field(default_factory=Definitions)

    @property
    def entities(self) -> list[str]:
        return [name for name, known in load_contracts().items() if known.source in self.sources]

    def dbt_vars(self) -> dict[str, Any]:
        return {"sources": list(self.sources), "optimize_small_files": 12} | vars(self.definitions)


FAMILIES = {
    "engagement": Family(("product", "app")),
    "sessions_across_midnight": Family(
        ("product", "app"), Definitions(session_split_at_midnight=False)
    ),
    "another_time_zone": Family(
        ("product", "app"), Definitions(reporting_timezone="America/New_York")
    ),
    "training": Family(("shop",), Definitions(sequence_length=4)),
    "customers": Family(("crm",)),
}


@dataclass(frozen=True)
class Schedule:
    """Deliveries of rows, by entity, and after which of them the project is built."""

    family: Family
    loads: tuple[dict[str, list[Row]], ...]
    builds: tuple[int, ...]

    def __repr__(self) -> str:
        sizes = [{name: len(rows) for name, rows in load.items()} for load in self.loads]
        return f"{len(self.loads)} loads {sizes}, builds after {self.builds}"


def at(day: int, clock: time) -> datetime:
    return datetime.combine(DAY_ZERO + timedelta(days=day), clock, timezone.utc)


def random_row(name: str, rng: random.Random) -> Row:
    """Return a row of an entity; one in ten breaks a rule."""
    day, clock = rng.choice(DAYS), rng.choice(TIMES)
    moment, user, customer = at(day, clock), rng.choice(USERS), rng.choice(CUSTOMERS)
    bad = rng.random() < 0.1
    item = rng.randrange(1, 6)
    match name:
        case "product.interactions":
            kind = "hover" if bad else rng.choice(("view", "click", "purchase"))
            return {
                "event_time": moment, "user_id": user, "product_id": f"P{item % 3}",
                "interaction_type": kind,
            }  # fmt: skip
        case "app.interactions":
            return {
                "event_time": moment, "user_id": user,
                "action_type": rng.choice(("page_view", "edit", "create", "delete", "share")),
                "page_id": rng.choice(("a", "b", None)),
                "duration_ms": 7_200_001 if bad else rng.choice((None, 0, 5, 7_200_000)),
            }  # fmt: skip
        case "app.users":
            return {
                "user_id": None if bad else user,
                "join_date": at(rng.choice((-400, -30, 0)), clock).date(),
                "country": rng.choice(("SE", "NO", None)),
                "device_type": rng.choice(("mobile", "desktop")),
                "subscription_type": rng.choice(("free", "pro")), "updated_at": moment,
            }  # fmt: skip
        case "shop.impressions":
            shown = [
                {"item_id": rng.randrange(1, 6), "is_order": rng.random() < 0.3}
                for _ in range(rng.randrange(1, 4))
            ]
            return {
                "dt": moment.date(), "ranking_id": f"{day}-{item}",
                "customer_id": None if bad else customer, "impressions": shown,
            }  # fmt: skip
        case "shop.clicks":
            return {
                "dt": moment.date(), "customer_id": customer,
                "item_id": None if bad else item, "click_time": moment,
            }  # fmt: skip
        case "shop.add_to_carts" | "shop.orders":
            dated = "dt" if name == "shop.add_to_carts" else "order_date"
            return {
                dated: moment.date(), "customer_id": customer, "config_id": None if bad else item,
                "simple_id": item * 10, "occurred_at": moment,
            }  # fmt: skip
        case "crm.customers":
            return {
                "customer_id": customer, "name": rng.choice(("Ann", "Bo")),
                "registration_date": None if bad else moment.date(),
            }  # fmt: skip
        case "crm.transactions":
            return {
                "transaction_id": f"T{rng.randrange(12)}", "customer_id": customer,
                "quantity": 0 if bad else item, "price": Decimal("1.25"),
                "amount": rng.choice((None, Decimal("3.00"))), "transaction_time": moment,
                "transaction_status": rng.choice(("completed", "pending", "refunded")),
            }  # fmt: skip
        case "crm.support_interactions":
            return {
                "interaction_id": f"I{rng.randrange(12)}", "customer_id": customer,
                "interaction_date": moment.date(), "interaction_type": "fax" if bad else "chat",
            }  # fmt: skip
        case "crm.events":
            return {
                "event_id": f"E{rng.randrange(20)}", "customer_id": customer,
                "event_type": rng.choice(("page_view", "purchase")),
                "event_timestamp": None if bad else moment,
            }  # fmt: skip
        case "crm.sessions":
            return {
                "session_id": f"S{rng.randrange(12)}", "customer_id": customer,
                "session_start": moment, "session_duration": -1 if bad else rng.choice((None, 60)),
            }  # fmt: skip
    raise AssertionError(f"{name} has no rows to draw")


@st.composite
def schedules(draw: st.DrawFn, family: Family) -> Schedule:
    """Draw up to five loads: rows arrive in any order, some of them twice, some very late."""
    load_count = draw(st.integers(2, 5))
    builds = draw(st.sets(st.integers(0, load_count - 2), min_size=1, max_size=2))
    loads: list[dict[str, list[Row]]] = [{} for _ in range(load_count)]
    for name in family.entities:
        rng = random.Random(draw(st.integers(0, 2**32 - 1)))
        rows = [random_row(name, rng) for _ in range(draw(st.integers(3, 16)))]
        again = [row for row in rows if rng.random() < 0.2]
        for row in (*rows, *again):
            loads[rng.randrange(load_count)].setdefault(name, []).append(row)
    return Schedule(family, tuple(loads), (*sorted(builds), load_count - 1))


def as_arrow(name: str, rows: list[Row]) -> pa.Table:
    contract = load_contracts()[name]
    schema = pa.schema(
        [(column.name, contract_type(column.data_type)) for column in contract.columns]
    )
    return pa.Table.from_pylist(rows, schema)


def append_load(data: DataSet, name: str, load_id: int, rows: pa.Table) -> None:
    """Commit a load to bronze as ingestion does: one append, with the next load id."""
    contract = load_contracts()[name]
    data.spark.sql(f"create schema if not exists {data.settings.schema_of('bronze')}")
    bronze = contract.bronze_table(data.settings)
    data.spark.sql(f"create table if not exists {bronze} ({contract.ddl()}) using delta")
    (
        data.spark.createDataFrame(rows)
        .withColumn("_load_id", F.lit(load_id).cast("bigint"))
        .withColumn("_ingested_at", F.current_timestamp())
        .withColumn("_source_file", F.lit(f"load-{load_id}"))
        .withColumn("_ingest_errors", F.array().cast("array<string>"))
        .coalesce(1)
        .write.format("delta")
        .mode("append")
        .saveAsTable(bronze)
    )


def run_schedule(data: DataSet, schedule: Schedule) -> dict[str, Any]:
    """Play a schedule on empty tables and return every breach of the law; none is an empty dict."""
    data.drop_all()
    oracle = Oracle(
        core_actions(PROJECT_DIR / "seeds" / "action_types.csv"), schedule.family.definitions
    )
    load_ids = dict.fromkeys(schedule.family.entities, 0)
    for number, load in enumerate(schedule.loads):
        for name, rows in load.items():
            arrow = as_arrow(name, rows)
            load_ids[name] += 1
            append_load(data, name, load_ids[name], arrow)
            oracle.connection.register("arriving", arrow)
            oracle.load(name, "select *, null::varchar[] as errors from arriving")
        if number in schedule.builds:
            data.build("--vars", str(schedule.family.dbt_vars()))
    oracle.judge()
    incremental = table_contents(data)
    breaches: dict[str, Any] = {
        f"{name} and the oracle": differs
        for name, differs in unlike_oracle(incremental, oracle).items()
    }
    if data.reconciliation() != oracle.reconciliation():
        breaches["reconciliation"] = (data.reconciliation(), oracle.reconciliation())
    data.build("--full-refresh", "--vars", str(schedule.family.dbt_vars()))
    breaches |= {
        f"{name} and the full refresh": differs
        for name, differs in unequal(incremental, table_contents(data)).items()
    }
    return breaches
