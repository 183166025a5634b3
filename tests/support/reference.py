"""What the tables must hold, written anew from the definitions in DuckDB and plain Python.

DuckDB reads the input, judges every row and removes duplicates. Everything above that (sessions,
active users, features, sequences) is a loop over sorted rows, so that it has neither code nor a way
of computing in common with the models.
"""

from __future__ import annotations

import csv
import hashlib
import re
from bisect import bisect_left
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache
from itertools import groupby, pairwise, product
from pathlib import Path
from statistics import median
from typing import Any, cast
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa

SEEDS = Path(__file__).parents[2] / "seeds"
BLANK = re.compile(r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROS = 1_000_000
DAY = timedelta(days=1)
LONGEST_SEQUENCE = 1000
LONGEST_ID = 512
ACTION_CODES = {"clicks": 1, "add_to_carts": 2, "orders": 3}
PRODUCT_ACTIONS = ("view", "click", "purchase")
APP_ACTIONS = ("page_view", "edit", "create", "delete", "share")
ACTIVE_DEFINITIONS = ("basic", "core", "engaged")
PERIOD_TYPES = ("day", "week", "month")

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Entity:
    """A source entity: its columns as DuckDB types, time, key, and (condition, reject reason).

    An ``event_id`` among its columns takes the key's place where it is more than blanks. Where
    ``versioned``, each row that says something new is kept, and the key tells what is a version of
    what.
    """

    columns: dict[str, str]
    time: str
    key: tuple[str, ...]
    rejects: tuple[tuple[str, str], ...]

    @property
    def versioned(self) -> bool:
        return "updated_at" in self.columns and "updated_at" not in self.key

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns in which a row differs from those that it does not repeat."""
        return tuple(self.columns) if self.versioned else self.key

    @property
    def has_event_id(self) -> bool:
        return "event_id" in self.columns and "event_id" not in self.key


def _entity(time: str, key: str, required: str, columns: str, *rejects: tuple[str, str]) -> Entity:
    types = dict(column.strip().split(" ", 1) for column in columns.split(";"))
    with_vocabulary = {reason.removesuffix("_unknown") for _, reason in rejects}
    found = []
    for name in required.split():
        missing = f"{name} is null"
        if types[name] == "varchar" and name not in with_vocabulary:
            missing += rf" or regexp_full_match({name}, '[\s\v\x{{85}}\p{{Z}}]*')"
            found.append((f"length({name}) > {LONGEST_ID}", f"{name}_too_long"))
        found.append((missing, f"{name}_missing"))
    return Entity(types, time, tuple(key.split()), (*found, *rejects))


ENTITIES = {
    "product.interactions": _entity(
        "event_time",
        "event_time user_id product_id interaction_type",
        "event_time user_id product_id interaction_type",
        "event_time timestamptz; user_id varchar; anonymous_id varchar; product_id varchar;"
        "interaction_type varchar; event_id varchar",
        (
            "interaction_type not in ('view', 'click', 'purchase')",
            "interaction_type_unknown",
        ),
    ),
    "app.interactions": _entity(
        "event_time",
        "event_time user_id action_type page_id duration_ms app_version referrer",
        "event_time user_id action_type",
        "event_time timestamptz; user_id varchar; anonymous_id varchar; action_type varchar;"
        "page_id varchar; duration_ms bigint; app_version varchar; referrer varchar;"
        "event_id varchar",
        (
            "action_type not in ('page_view', 'edit', 'create', 'delete', 'share')",
            "action_type_unknown",
        ),
        ("duration_ms < 0", "duration_ms_below_minimum"),
        ("duration_ms > 2 * 60 * 60 * 1000", "duration_ms_above_maximum"),
    ),
    "app.identify_calls": _entity(
        "event_time",
        "event_time user_id anonymous_id",
        "event_time user_id",
        "event_time timestamptz; user_id varchar; anonymous_id varchar; event_id varchar",
    ),
    "app.users": _entity(
        "updated_at",
        "user_id updated_at",
        "user_id join_date updated_at",
        "user_id varchar; join_date date; country varchar; device_type varchar;"
        "subscription_type varchar; updated_at timestamptz",
    ),
    "shop.impressions": _entity(
        "dt",
        "dt ranking_id customer_id",
        "dt ranking_id customer_id impressions",
        "dt date; ranking_id varchar; customer_id bigint;"
        "impressions struct(item_id integer, is_order boolean)[]",
    ),
    "shop.clicks": _entity(
        "click_time",
        "customer_id item_id click_time",
        "customer_id item_id click_time",
        "dt date; customer_id bigint; item_id integer; click_time timestamptz",
        ("item_id < 0", "item_id_below_minimum"),
    ),
    "shop.add_to_carts": _entity(
        "occurred_at",
        "customer_id config_id simple_id occurred_at",
        "customer_id config_id occurred_at",
        "dt date; customer_id bigint; config_id integer; simple_id integer;occurred_at timestamptz",
        ("config_id < 0", "config_id_below_minimum"),
    ),
    "shop.orders": _entity(
        "occurred_at",
        "customer_id config_id simple_id occurred_at",
        "customer_id config_id occurred_at",
        "order_date date; customer_id bigint; config_id integer; simple_id integer;"
        "occurred_at timestamptz",
        ("config_id < 0", "config_id_below_minimum"),
    ),
    "crm.customers": _entity(
        "registration_date",
        "customer_id",
        "customer_id registration_date",
        "customer_id bigint; name varchar; email varchar; phone varchar; registration_date date;"
        "location varchar; customer_segment varchar; updated_at timestamptz",
    ),
    "crm.transactions": _entity(
        "transaction_time",
        "transaction_id",
        "transaction_id customer_id quantity price transaction_time transaction_status",
        "transaction_id varchar; customer_id bigint; product_id varchar; quantity integer;"
        "price decimal(18,2); amount decimal(18,2); currency varchar; payment_method varchar;"
        "transaction_time timestamptz; transaction_status varchar; updated_at timestamptz",
        ("quantity < 1", "quantity_below_minimum"),
        ("price <= 0", "price_not_above_0"),
        ("amount < 0", "amount_below_minimum"),
        ("not regexp_full_match(currency, '[A-Za-z]{3}')", "currency_unlike_pattern"),
        (
            "amount is null and quantity::hugeint * price > 9999999999999999.99",
            "amount_overflow",
        ),
        (
            "transaction_status not in ('completed', 'pending', 'failed', 'refunded')",
            "transaction_status_unknown",
        ),
    ),
    "crm.support_interactions": _entity(
        "interaction_date",
        "interaction_id",
        "interaction_id customer_id interaction_date interaction_type",
        "interaction_id varchar; customer_id bigint; interaction_date date;"
        "interaction_type varchar; response_time integer; interaction_outcome varchar",
        ("interaction_type not in ('call', 'chat', 'email')", "interaction_type_unknown"),
        ("response_time < 0", "response_time_below_minimum"),
    ),
    "crm.events": _entity(
        "event_timestamp",
        "event_id",
        "event_id customer_id event_type event_timestamp",
        "event_id varchar; customer_id bigint; event_type varchar; event_timestamp timestamptz",
        (
            "event_type not in ('page_view', 'search', 'add_to_cart', 'purchase')",
            "event_type_unknown",
        ),
    ),
    "crm.sessions": _entity(
        "session_start",
        "session_id",
        "session_id customer_id session_start",
        "session_id varchar; customer_id bigint; device_type varchar; session_start timestamptz;"
        "session_end timestamptz; session_duration integer",
        ("session_duration < 0", "session_duration_below_minimum"),
        ("session_duration > 2 * 60 * 60", "session_duration_above_maximum"),
    ),
}

UNDATED = ("app.users", "app.identify_calls")
"""Entities whose rows change other days than their own."""


@dataclass(frozen=True)
class Event:
    """A valid interaction of product or app; ``micros`` is its time in microseconds since 1970."""

    user_id: str
    micros: int
    key: str
    action: str
    duration_ms: int | None
    day: date


def length_of(session: Sequence[Event]) -> int:
    """Return the microseconds from the first to the last event."""
    return session[-1].micros - session[0].micros


def summary(counted: Sequence[tuple[list[Event], float]], outliers: int) -> tuple[Any, ...]:
    """Return the metrics of sessions, each with the length as which it counts."""
    sessions = [session for session, _ in counted]
    micros = [length for _, length in counted]
    count, actions = len(sessions), sum(map(len, sessions))
    users = len({session[0].user_id for session in sessions})
    if not sessions:
        return (0, 0, 0, outliers, None, None, None, None, None)
    return (
        count,
        users,
        actions,
        outliers,
        sum(micros) / count / MICROS,
        float(np.percentile(micros, 50)) / MICROS,
        float(np.percentile(micros, 95)) / MICROS,
        actions / count,
        sum(len(session) == 1 for session in sessions) / count,
    )


def time_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def days_between(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def first_days(metric_date: date) -> dict[str, date]:
    """Return the first day of each window that ends with a day."""
    lengths = {"dau": 1, "wau": 7, "mau_28": 28, "mau_30": 30}
    trailing = {metric: metric_date - (days - 1) * DAY for metric, days in lengths.items()}
    return {**trailing, "mau_calendar": metric_date.replace(day=1)}


def first_day_of(period_type: str, day: date) -> date:
    """Return the first day of the day, ISO week or month that a day lies in."""
    match period_type:
        case "week":
            return day - day.weekday() * DAY
        case "month":
            return day.replace(day=1)
    return day


def periods_between(period_type: str, first: date, last: date) -> Iterator[tuple[date, date]]:
    """Return first and last day of each period from that of one day to that of another."""
    longest = {"day": 1, "week": 7, "month": 31}[period_type]
    start = first_day_of(period_type, first)
    while start <= last:
        following = first_day_of(period_type, start + longest * DAY)
        yield start, following - DAY
        start = following


def md5_of(*parts: object) -> str:
    return hashlib.md5("\x1f".join(str(part) for part in parts).encode()).hexdigest()


def table(columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Return rows as an Arrow table."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.table(
        {
            name: pa.array(column, data_type)
            for (name, data_type), column in zip(columns.items(), values, strict=True)
        }
    )


STRING, BIGINT, INT, DOUBLE, BOOL = (
    pa.string(), pa.int64(), pa.int32(), pa.float64(), pa.bool_(),
)  # fmt: skip
DATE, TIME = pa.date32(), pa.timestamp("us", tz="UTC")
ACTIONS = {"actions": pa.list_(INT), "action_types": pa.list_(pa.int8())}


@dataclass(frozen=True)
class UserInterval:
    """A user's attributes (join_date, country, device_type, subscription_type) from start to end.

    ``start`` is inclusive, ``end`` exclusive and None for the current one; microseconds since 1970.
    """

    user_id: str
    start: int
    end: int | None
    attributes: tuple[Any, ...]


@dataclass(frozen=True)
class UserDay:
    """A day of a user: core actions, by which definitions it is active, and attributes."""

    core_actions: int
    active: dict[str, bool]
    attributes: dict[str, str]


@dataclass(frozen=True)
class ActivePeriod:
    """A day, week or month: its first day, whether the data reach its end, and who was active."""

    start: date
    is_complete: bool
    users: set[str]


@dataclass(frozen=True)
class Definitions:
    """The vars of the project that change what tables hold; the defaults are its own."""

    reporting_timezone: str = "UTC"
    identify_by: str = "user_id"
    earliest_event_date: str = "2000-01-01"
    latest_event_days_after_arrival: int = 1
    session_gap_minutes: int = 30
    session_split_at_midnight: bool = True
    session_max_minutes: int | None = 600
    session_cap_percentile: float | None = None
    engaged_session_seconds: int = 120
    retention_days: int = 30
    retention_weeks: int = 26
    retention_months: int = 24
    hot_product_share: float = 0.01
    hot_product_max_buckets: int = 32
    sequence_length: int = LONGEST_SEQUENCE
    sequence_history_days: int | None = None
    checkpoint_every_days: int = 7
    checkpoint_settle_days: int = 2
    checkpoints_kept: int = 4
    reporting_currency: str | None = "EUR"
    exchange_rate_days: int = 31
    as_of_dates: str = "month_ends"

    def is_as_of_date(self, day: date, newest: date) -> bool:
        """Return whether customers' features are known as of a day."""
        match self.as_of_dates:
            case "daily":
                return True
            case "weekly":
                return day in (month_end(day), newest) or day.isoweekday() == 7
            case _:
                return day in (month_end(day), newest)

    def day_of(self, micros: int) -> date:
        """Return the day of a time in the reporting zone."""
        return time_of(micros).astimezone(ZoneInfo(self.reporting_timezone)).date()

    def start_of(self, day: date) -> int:
        """Return when a day starts in the reporting zone, in microseconds since 1970."""
        start = datetime.combine(day, time.min, ZoneInfo(self.reporting_timezone))
        return (start - EPOCH) // timedelta(microseconds=1)

    def is_outlier(self, length: int) -> bool:
        """Return whether a session of so many microseconds is longer than any should be."""
        limit = self.session_max_minutes
        return limit is not None and length > limit * 60 * MICROS

    def cap_of(self, lengths: Iterable[int]) -> float:
        """Return what outliers count at most, given the lengths of all sessions of their day."""
        if self.session_cap_percentile is not None:
            percentile = np.percentile(list(lengths), self.session_cap_percentile * 100)
            return float(np.floor(percentile + 0.5))
        return (self.session_max_minutes or 0) * 60 * MICROS


def active_periods(
    users: Mapping[str, Mapping[date, UserDay]], period_type: str, definition: str
) -> list[ActivePeriod]:
    """Return all periods from the first to the last day on which anyone was active."""
    edges = {day for days in users.values() for day in days}
    active: dict[date, set[str]] = defaultdict(set)
    for user_id, days in users.items():
        for day, facts in days.items():
            if facts.active[definition]:
                active[first_day_of(period_type, day)].add(user_id)
    return [
        ActivePeriod(start, end <= max(edges), active[start])
        for start, end in periods_between(period_type, min(edges), max(edges))
    ]


class Oracle:
    """The expected tables of one data set.

    Args:
        core_actions: the actions that the seed calls core.
        definitions: the vars that the tables are built with.
        arrived: when all rows did; by default they arrive while the test runs.
    """

    def __init__(
        self,
        core_actions: set[str],
        definitions: Definitions | None = None,
        arrived: datetime | None = None,
    ) -> None:
        self.core_actions = core_actions
        self.definitions = definitions or Definitions()
        self.arrival_day = f"timestamptz '{arrived}'::date" if arrived else "current_date"
        self.loads: Counter[str] = Counter()
        self.connection = duckdb.connect()
        self.connection.execute(
            f"set threads = 2; set timezone = '{self.definitions.reporting_timezone}'"
        )
        for name, entity in ENTITIES.items():
            columns = ", ".join(f"{column} {kind}" for column, kind in entity.columns.items())
            self.run(f"create table raw_{_view(name)} ({columns}, errors varchar[], load integer)")

    def run(self, sql: str) -> Rows:
        return cast(Rows, self.connection.execute(sql).fetchall())

    def one(self, sql: str) -> Any:
        return self.run(sql)[0][0]

    def load(self, name: str, select: str) -> None:
        """Add input rows of an entity as its next load, the first being 1.

        What is loaded first wins over what repeats it.

        Args:
            name: the entity.
            select: a query for its columns and ``errors``, what the mapping could not convert.
        """
        self.loads[name] += 1
        load = self.loads[name]
        self.run(f"insert into raw_{_view(name)} by name select *, {load} as load from ({select})")

    def load_landing(self, folder: Path) -> None:
        """Add the landing files of all entities that have some."""
        for name in ENTITIES:
            source, entity = name.split(".")
            if (folder / source / entity).is_dir():
                self.load_files(name, [folder / source / entity / "*.parquet"])

    def load_files(self, name: str, files: Sequence[Path]) -> None:
        """Add the landing files of an entity; a name may be a pattern."""
        names = [str(file) for file in files]
        self.load(name, f"select *, null::varchar[] as errors from read_parquet({names})")

    def judge(self) -> None:
        """Split the input: ``judged_*`` has reasons and key, ``accepted_*`` the first of a key."""
        for name, entity in ENTITIES.items():
            view = _view(name)
            earliest = self.definitions.earliest_event_date
            latest = f"{self.arrival_day} + {self.definitions.latest_event_days_after_arrival}"
            times = (
                (f"{entity.time}::date < '{earliest}'", f"{entity.time}_too_early"),
                (f"{entity.time}::date > {latest}", f"{entity.time}_too_late"),
            )
            reasons = ", ".join(
                f"case when {test} then '{why}' end" for test, why in (*entity.rejects, *times)
            )
            parts = ", ".join(
                f"coalesce({_key_part(column, entity.columns[column])}, chr(0))"
                for column in entity.identity
            )
            key = f"md5(concat_ws(chr(31), {parts}))"
            if entity.has_event_id:
                blank = r"regexp_full_match(event_id, '[\s\v\x{85}\p{Z}]*')"
                # One event may come to the product and to the app.
                parts = f"{entity.time}::date::varchar, {_escaped('event_id')}"
                by_id = f"md5(concat_ws(chr(31), {parts}, '{','.join(entity.key)}'))"
                key = f"case when event_id is null or {blank} then {key} else {by_id} end"
            # Of rows that arrive together the one with the smallest values is kept; null is least.
            smallest = ", ".join(f"{column} nulls first" for column in entity.columns)
            self.run(
                f"""
                create table judged_{view} as
                select
                    * exclude (errors),
                    {entity.time}::date as event_date,
                    {key} as event_key,
                    list_concat(
                        coalesce(errors, []::varchar[]),
                        list_filter([{reasons}]::varchar[], lambda reason: reason is not null)
                    ) as reasons
                from raw_{view};
                create table accepted_{view} as
                select * exclude (reasons) from judged_{view}
                where len(reasons) = 0
                qualify row_number() over (partition by event_key order by load, {smallest}) = 1
                """
            )

    # ---------- what came in

    def reconciliation_by_load(self) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return what dq_load_reconciliation must hold, by entity and load.

        Rows in, accepted, duplicates, conflicting duplicates (valid rows that repeat a key and
        differ in what staging keeps), quarantined.
        """
        counts = {}
        for name, entity in ENTITIES.items():
            unused = {"dt", "order_date"} | set(entity.identity)
            if entity.has_event_id:
                unused = {"event_id"}
            values = ", ".join(column for column in entity.columns if column not in unused)
            content = f"[({values})::varchar]" if values else "[]"
            for load, rows, accepted, valid, conflicting in self.run(
                f"""
                with kept as (
                    select event_key, load, {content} as content from accepted_{_view(name)}
                ),
                arrived as (
                    select event_key, load, len(reasons) = 0 as is_valid, {content} as content
                    from judged_{_view(name)}
                )
                select
                    arrived.load, count(*),
                    (select count(*) from kept where kept.load = arrived.load),
                    count(*) filter (is_valid),
                    count(*) filter (is_valid and kept.content <> arrived.content)
                from arrived left join kept using (event_key)
                group by arrived.load
                """
            ):
                duplicates = valid - accepted
                counts[name, load] = (rows, accepted, duplicates, conflicting, rows - valid)
        return counts

    def reconciliation(self) -> dict[str, tuple[int, int, int, int]]:
        """Return rows in, accepted, duplicates and quarantined of every entity with input."""
        totals: dict[str, list[int]] = {}
        for (name, _), counts in self.reconciliation_by_load().items():
            added = zip(totals.get(name, [0] * len(counts)), counts, strict=True)
            totals[name] = [total + count for total, count in added]
        return {
            name: (rows, accepted, duplicates, quarantined)
            for name, (rows, accepted, duplicates, _, quarantined) in totals.items()
        }

    def conflicts(self) -> dict[str, int]:
        """Return how many valid rows of an entity repeat a key and differ in what staging keeps."""
        found: Counter[str] = Counter()
        for (name, _), counts in self.reconciliation_by_load().items():
            found[name] += counts[3]
        return dict(+found)

    def quarantine(self) -> Counter[tuple[Any, ...]]:
        """Return entity, load, day since 1970 and broken rules of each rejected row."""
        return Counter(
            (name, load, day, *sorted(reasons))
            for name in ENTITIES
            for load, day, reasons in self.run(
                f"select load, event_date - date '1970-01-01', reasons "
                f"from judged_{_view(name)} where len(reasons) > 0"
            )
        )

    def accepted(self, name: str) -> pa.Table:
        """Return the rows that staging must hold."""
        extra = " replace (coalesce(amount, quantity * price)::decimal(18, 2) as amount)"
        replaced = extra if name == "crm.transactions" else ""
        left_out = "load, event_id" if ENTITIES[name].has_event_id else "load"
        query = f"select * exclude ({left_out}){replaced} from accepted_{_view(name)}"
        return self.connection.sql(query).to_arrow_table()

    def staged(self, name: str) -> pa.Table:
        """Return the accepted rows of an entity with the columns that staging has."""
        rows = self.accepted(name)
        unused = {"order_date"} if name == "shop.impressions" else {"order_date", "dt"}
        return rows.drop_columns(sorted(unused & set(rows.column_names)))

    # ---------- whose an interaction is

    @cached_property
    def known_users(self) -> dict[str, tuple[int, str, str]]:
        """By anonymous id: when it first came with a user's id, whose, and where."""
        known: dict[str, tuple[int, str, str]] = {}
        for source in ("app.interactions", "app.identify_calls", "product.interactions"):
            for micros, user_id, anonymous_id in self.run(
                "select epoch_us(event_time), user_id, anonymous_id "
                f"from accepted_{_view(source)} where anonymous_id <> user_id"
            ):
                if not BLANK.fullmatch(anonymous_id):
                    said = (micros, user_id, source)
                    known[anonymous_id] = min(said, known.get(anonymous_id, said))
        return known

    def user_of(self, user_id: str, anonymous_id: str | None) -> str:
        """Return whose a row is."""
        match self.definitions.identify_by:
            case "anonymous_id" if anonymous_id and not BLANK.fullmatch(anonymous_id):
                return anonymous_id
            case "first_known" if user_id == anonymous_id in self.known_users:
                return self.known_users[anonymous_id][1]
        return user_id

    def first_known_users(self) -> pa.Table:
        columns = {
            "anonymous_id": STRING, "user_id": STRING, "known_since": TIME, "source": STRING,
        }  # fmt: skip
        return table(
            columns,
            (
                (anonymous_id, user_id, time_of(micros), source)
                for anonymous_id, (micros, user_id, source) in self.known_users.items()
            ),
        )

    # ---------- engagement

    def events(self) -> list[Event]:
        """Return the valid interactions of product and app by user, time and key."""
        rows = self.run(
            """
            select user_id, anonymous_id, epoch_us(event_time), event_key, interaction_type, null
            from accepted_product_interactions
            union all
            select user_id, anonymous_id, epoch_us(event_time), event_key, action_type, duration_ms
            from accepted_app_interactions
            """
        )
        return sorted(
            (
                Event(self.user_of(*row[:2]), *row[2:], self.definitions.day_of(row[2]))
                for row in rows
            ),
            key=lambda event: (event.user_id, event.micros, event.key),
        )

    def session_events(self) -> Iterator[list[Event]]:
        """Return the events of each session."""
        gap = self.definitions.session_gap_minutes * 60 * MICROS
        session: list[Event] = []
        for event in self.events():
            if session:
                last = session[-1]
                same = last.user_id == event.user_id
                if self.definitions.session_split_at_midnight:
                    same = same and last.day == event.day
                if not same or event.micros - last.micros >= gap:
                    yield session
                    session = []
            session.append(event)
        if session:
            yield session

    def sessions(self) -> pa.Table:
        columns = {
            "session_id": STRING, "user_id": STRING, "event_date": DATE, "session_start": TIME,
            "session_end": TIME, "duration_seconds": DOUBLE, "engaged_ms": BIGINT,
            "action_count": BIGINT, "is_outlier": BOOL,
        }  # fmt: skip
        return table(
            columns,
            (
                (
                    md5_of(session[0].user_id, session[0].key),
                    session[0].user_id,
                    session[0].day,
                    time_of(session[0].micros),
                    time_of(session[-1].micros),
                    length_of(session) / MICROS,
                    sum(event.duration_ms or 0 for event in session),
                    len(session),
                    self.definitions.is_outlier(length_of(session)),
                )
                for session in self.session_events()
            ),
        )

    def session_metrics(self) -> pa.Table:
        columns = {
            "event_date": DATE, "outlier_policy": STRING, "segment_type": STRING,
            "segment_value": STRING, "session_count": BIGINT, "user_count": BIGINT,
            "action_count": BIGINT, "outlier_count": BIGINT, "avg_duration_seconds": DOUBLE,
            "median_duration_seconds": DOUBLE, "p95_duration_seconds": DOUBLE,
            "avg_actions_per_session": DOUBLE, "bounce_share": DOUBLE,
        }  # fmt: skip
        user_days = self.user_days
        groups: dict[tuple[date, str, str], list[list[Event]]] = defaultdict(list)
        for session in self.session_events():
            day = session[0].day
            groups[day, "all", "all"].append(session)
            for name, value in user_days[session[0].user_id][day].attributes.items():
                groups[day, name, value].append(session)
        rows = []
        for (day, *segment), sessions in groups.items():
            cap = self.definitions.cap_of(map(length_of, groups[day, "all", "all"]))
            usual, outliers = [], []
            for session in sessions:
                length = length_of(session)
                is_outlier = self.definitions.is_outlier(length)
                (outliers if is_outlier else usual).append((session, length))
            capped = [(session, min(length, cap)) for session, length in outliers]
            for policy, counted in (
                ("filter", usual),
                ("cap", usual + capped),
                ("flag", usual + outliers),
            ):
                rows.append((day, policy, *segment, *summary(counted, len(outliers))))
        return table(columns, rows)

    def user_sketches(self) -> pa.Table:
        """Return the users of each day and segment, and what a sketch of so few of them says."""
        columns = {
            "event_date": DATE, "segment_type": STRING, "segment_value": STRING,
            "active_users": BIGINT, "user_sketch": BIGINT,
        }  # fmt: skip
        users = Counter(
            (day, *segment)
            for days in self.user_days.values()
            for day, facts in days.items()
            for segment in (("all", "all"), *facts.attributes.items())
        )
        return table(columns, ((*key, count, count) for key, count in users.items()))

    def session_durations(self) -> pa.Table:
        columns = {
            "event_date": DATE, "duration_bucket": STRING, "above_seconds": INT,
            "up_to_seconds": INT, "session_count": BIGINT,
        }  # fmt: skip
        limit = self.definitions.session_max_minutes
        edges = [0, 10, 30, 60, 3 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600]
        if limit is not None:
            edges = [*(edge for edge in edges if edge < limit * 60), limit * 60]
        names = ["0", *(f"({above}, {up_to}]" for above, up_to in pairwise(edges))]
        names.append(f"({edges[-1]}, inf)" if limit is None else "outlier")
        found = Counter(
            (session[0].day, bisect_left(edges, length_of(session) / MICROS))
            for session in self.session_events()
        )
        return table(
            columns,
            (
                (day, name, above, up_to, found[day, number])
                for day in {day for day, _ in found}
                for number, (name, above, up_to) in enumerate(
                    zip(names, [None, *edges], [*edges, None], strict=True)
                )
            ),
        )

    def user_activity(self) -> pa.Table:
        counts = {f"{action}_count": BIGINT for action in (*PRODUCT_ACTIONS, *APP_ACTIONS)}
        columns = {
            "user_id": STRING, "event_date": DATE, "country": STRING, "device_type": STRING,
            "subscription_type": STRING, "action_count": BIGINT, "core_action_count": BIGINT,
            **counts, "duration_ms": BIGINT, "session_count": BIGINT,
            "longest_session_seconds": DOUBLE,
        }  # fmt: skip
        sessions: dict[tuple[str, date], list[int]] = defaultdict(list)
        for session in self.session_events():
            sessions[session[0].user_id, session[0].day].append(length_of(session))
        days: dict[tuple[str, date], list[Event]] = defaultdict(list)
        for event in self.events():
            days[event.user_id, event.day].append(event)
        intervals = defaultdict(list)
        for interval in self.user_intervals():
            intervals[interval.user_id].append(interval)
        rows = []
        for (user_id, day), events in days.items():
            actions = Counter(event.action for event in events)
            lengths = sessions[user_id, day]
            day_end = self.definitions.start_of(day + DAY)
            attributes = ["unknown"] * 3
            for interval in intervals[user_id]:
                if interval.start < day_end and (interval.end is None or interval.end >= day_end):
                    attributes = [value or "unknown" for value in interval.attributes[1:]]
            rows.append(
                (
                    user_id,
                    day,
                    *attributes,
                    len(events),
                    sum(count for action, count in actions.items() if action in self.core_actions),
                    *(actions[action] for action in (*PRODUCT_ACTIONS, *APP_ACTIONS)),
                    sum(event.duration_ms or 0 for event in events),
                    len(lengths),
                    max(lengths) / MICROS if lengths else None,
                )
            )
        return table(columns, rows)

    @cached_property
    def user_days(self) -> dict[str, dict[date, UserDay]]:
        """Return each user's days of activity, oldest first, and what each of them counts for."""
        users: dict[str, dict[date, UserDay]] = defaultdict(dict)
        for row in sorted(self.user_activity().to_pylist(), key=lambda row: row["event_date"]):
            day, core = row["event_date"], row["core_action_count"]
            known = users[row["user_id"]]
            recent_core = core + sum(
                earlier.core_actions
                for earlier_day, earlier in known.items()
                if earlier_day > day - 7 * DAY
            )
            limit = self.definitions.engaged_session_seconds
            known[day] = UserDay(
                core,
                {
                    "basic": True,
                    "core": core >= 1 and recent_core >= 2,
                    "engaged": (row["longest_session_seconds"] or 0) > limit,
                },
                {name: row[name] for name in ("country", "device_type", "subscription_type")},
            )
        return users

    def active_users(self) -> pa.Table:
        columns = {
            "metric_date": DATE, "definition": STRING, "segment_type": STRING,
            "segment_value": STRING, "dau": BIGINT, "wau": BIGINT, "mau_28": BIGINT,
            "mau_30": BIGINT, "mau_calendar": BIGINT, "stickiness": DOUBLE,
        }  # fmt: skip
        users = self.user_days
        edges = {day for days in users.values() for day in days}
        counts: dict[tuple[date, str, str, str], Counter[str]] = {}
        for metric_date in days_between(min(edges), max(edges)):
            for definition in ACTIVE_DEFINITIONS:
                counts[metric_date, definition, "all", "all"] = Counter()
        for days, definition in product(users.values(), ACTIVE_DEFINITIONS):
            active = [day for day in days if days[day].active[definition]]
            for metric_date in days_between(min(edges), max(edges)):
                for metric, first in first_days(metric_date).items():
                    within = [day for day in active if first <= day <= metric_date]
                    if within:
                        segments = {"all": "all", **days[within[-1]].attributes}
                        for segment in segments.items():
                            found = counts.setdefault(
                                (metric_date, definition, *segment), Counter()
                            )
                            found[metric] += 1
        return table(
            columns,
            (
                (
                    *key,
                    *(found[metric] for metric in first_days(key[0])),
                    found["dau"] / found["mau_28"] if found["mau_28"] else None,
                )
                for key, found in counts.items()
            ),
        )

    def growth_accounting(self) -> pa.Table:
        columns = {
            "period_type": STRING, "definition": STRING, "period_start": DATE,
            "active_users": BIGINT, "new_users": BIGINT, "retained_users": BIGINT,
            "resurrected_users": BIGINT, "churned_users": BIGINT, "is_complete": BOOL,
        }  # fmt: skip
        users = self.user_days
        rows = []
        for period_type, definition in product(PERIOD_TYPES, ACTIVE_DEFINITIONS):
            ever: set[str] = set()
            before: set[str] = set()
            for period in active_periods(users, period_type, definition):
                now = period.users
                kinds = (now, now - ever, now & before, (now & ever) - before, before - now)
                rows.append(
                    (period_type, definition, period.start, *map(len, kinds), period.is_complete)
                )
                ever, before = ever | now, now
        return table(columns, rows)

    def retention_cohorts(self) -> pa.Table:
        columns = {
            "period_type": STRING, "definition": STRING, "cohort_start": DATE,
            "period_number": INT, "cohort_size": BIGINT, "bounded_users": BIGINT,
            "rolling_users": BIGINT, "bounded_retention": DOUBLE, "rolling_retention": DOUBLE,
            "is_complete": BOOL,
        }  # fmt: skip
        users = self.user_days
        rows = []
        for period_type, definition in product(PERIOD_TYPES, ACTIVE_DEFINITIONS):
            periods = active_periods(users, period_type, definition)
            limit = getattr(self.definitions, f"retention_{period_type}s")
            ever: set[str] = set()
            for first, period in enumerate(periods):
                cohort = period.users - ever
                ever |= cohort
                size = len(cohort)
                followed = periods[first : first + limit + 1] if cohort else []
                for number, since in enumerate(followed):
                    later = set[str]().union(*(each.users for each in periods[first + number :]))
                    counts = size, len(cohort & since.users), len(cohort & later)
                    shares = counts[1] / size, counts[2] / size
                    grain = period_type, definition, period.start, number
                    rows.append((*grain, *counts, *shares, since.is_complete))
        return table(columns, rows)

    def active_days_histogram(self) -> pa.Table:
        columns = {
            "metric_date": DATE, "definition": STRING, "active_days": INT, "user_count": BIGINT,
        }  # fmt: skip
        users = self.user_days
        rows: Rows = []
        for definition in ACTIVE_DEFINITIONS:
            days = active_periods(users, "day", definition)
            for last, period in enumerate(days):
                window = days[max(0, last - 27) : last + 1]
                counts = Counter(Counter(user for day in window for user in day.users).values())
                rows += (
                    (period.start, definition, length, counts[length]) for length in range(1, 29)
                )
        return table(columns, rows)

    def user_months(self) -> pa.Table:
        columns = {
            "month_start": DATE, "user_id": STRING, "basic_days": INT, "core_days": INT,
            "engaged_days": INT, "core_once_days": INT, "core_twice_days": INT,
        }  # fmt: skip
        months: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0] * 5)
        for user_id, days in self.user_days.items():
            for day, facts in days.items():
                holds = (
                    *(facts.active[definition] for definition in ACTIVE_DEFINITIONS),
                    facts.core_actions >= 1,
                    facts.core_actions >= 2,
                )
                bitmaps = months[day.replace(day=1), user_id]
                for plane, held in enumerate(holds):
                    bitmaps[plane] += held * 2 ** (day.day - 1)
        return table(columns, ((*key, *bitmaps) for key, bitmaps in months.items()))

    def user_intervals(self) -> Iterator[UserInterval]:
        """Return each user's intervals of unchanged attributes, in the order of time."""
        versions = self.run(
            """
            select
                user_id, epoch_us(updated_at), join_date, country, device_type, subscription_type
            from accepted_app_users
            order by user_id, updated_at
            """
        )
        for user_id, of_user in groupby(versions, key=lambda version: version[0]):
            changes = [
                (next(same)[1], attributes)
                for attributes, same in groupby(of_user, key=lambda version: version[2:])
            ]
            joined = datetime.combine(changes[0][1][0], time.min, timezone.utc)
            joined_micros = (joined - EPOCH) // timedelta(microseconds=1)
            starts = [min(changes[0][0], joined_micros), *(start for start, _ in changes[1:])]
            for start, end, (_, attributes) in zip(
                starts, [*starts[1:], None], changes, strict=True
            ):
                yield UserInterval(user_id, start, end, attributes)

    def users(self) -> pa.Table:
        columns = {
            "user_version_id": STRING, "user_id": STRING, "join_date": DATE, "country": STRING,
            "device_type": STRING, "subscription_type": STRING, "valid_from": TIME,
            "valid_to": TIME, "is_current": BOOL,
        }  # fmt: skip
        return table(
            columns,
            (
                (
                    md5_of(interval.user_id, interval.start),
                    interval.user_id,
                    *interval.attributes,
                    time_of(interval.start),
                    time_of(interval.end) if interval.end is not None else None,
                    interval.end is None,
                )
                for interval in self.user_intervals()
            ),
        )

    def user_versions(self) -> pa.Table:
        """Return the versions of users as dbt's snapshot keeps them, without its own key."""
        versions = self.accepted("app.users")
        for name in ("dbt_updated_at", "dbt_valid_from"):
            versions = versions.append_column(name, versions["updated_at"])
        return versions.append_column("dbt_valid_to", pa.nulls(versions.num_rows, TIME))

    # ---------- products

    def hot_products(self) -> pa.Table:
        columns = {
            "event_date": DATE, "product_id": STRING, "interaction_count": BIGINT,
            "day_share": DOUBLE, "salt_buckets": INT,
        }  # fmt: skip
        counts: dict[date, Counter[str]] = defaultdict(Counter)
        for day, product_id in self.run(
            "select event_date, product_id from accepted_product_interactions"
        ):
            counts[day][product_id] += 1
        hot, most = self.definitions.hot_product_share, self.definitions.hot_product_max_buckets

        def buckets(share: float) -> int:
            powers = (2**doublings for doublings in range(15))
            return min(next(power for power in powers if share <= hot * power), most)

        shares = (
            (day, product_id, count, count / products.total())
            for day, products in counts.items()
            for product_id, count in products.items()
        )
        return table(
            columns,
            ((*row, buckets(row[3])) for row in shares if row[3] > hot),
        )

    def user_product_daily(self) -> pa.Table:
        return self._user_product(
            {"user_id": STRING, "product_id": STRING, "event_date": DATE},
            "product_id, event_date",
        )

    def product_daily(self) -> pa.Table:
        days: dict[tuple[str, date], list[tuple[str, str, int]]] = defaultdict(list)
        for product_id, day, user_id, anonymous_id, action, micros in self.run(
            """
            select product_id, event_date, user_id, anonymous_id, interaction_type,
                epoch_us(event_time)
            from accepted_product_interactions
            """
        ):
            days[product_id, day].append((self.user_of(user_id, anonymous_id), action, micros))
        columns = (
            {"product_id": STRING, "event_date": DATE}
            | {f"{action}_count": BIGINT for action in PRODUCT_ACTIONS}
            | {"user_count": BIGINT, "buyer_count": BIGINT, "median_gap_seconds": DOUBLE}
        )

        def measured(found: list[tuple[str, str, int]]) -> Iterator[Any]:
            for wanted in PRODUCT_ACTIONS:
                yield sum(action == wanted for _, action, _ in found)
            yield len({user for user, _, _ in found})
            yield len({user for user, action, _ in found if action == "purchase"})
            times = sorted(micros for _, _, micros in found)
            gaps = [after - before for before, after in pairwise(times)]
            yield median(gaps) / 1_000_000 if gaps else None

        return table(columns, ((*key, *measured(found)) for key, found in days.items()))

    def user_product(self) -> pa.Table:
        return self._user_product({"user_id": STRING, "product_id": STRING}, "product_id")

    def _user_product(self, grain: dict[str, pa.DataType], others: str) -> pa.Table:
        groups: dict[tuple[Any, ...], list[tuple[str, int]]] = defaultdict(list)
        rows = self.run(
            f"""
            select user_id, anonymous_id, {others}, interaction_type, epoch_us(event_time)
            from accepted_product_interactions
            """
        )
        for user_id, anonymous_id, *key, action, micros in rows:
            groups[(self.user_of(user_id, anonymous_id), *key)].append((action, micros))
        columns = grain | {f"{action}_count": BIGINT for action in PRODUCT_ACTIONS}
        return table(
            columns | {"last_interaction_time": TIME},
            (
                (
                    *key,
                    *(sum(action == wanted for action, _ in found) for wanted in PRODUCT_ACTIONS),
                    time_of(max(micros for _, micros in found)),
                )
                for key, found in groups.items()
            ),
        )

    # ---------- customers

    def transactions(self) -> pa.Table:
        """Return the newest version of each transaction, by update, then load, then key."""
        newest = self.connection.sql(
            """
            select * exclude (load, event_key)
                replace (coalesce(amount, quantity * price)::decimal(18, 2) as amount)
            from accepted_crm_transactions
            qualify row_number() over (
                partition by transaction_id
                order by updated_at desc nulls last, load desc, event_key desc
            ) = 1
            """
        ).to_arrow_table()
        rows = newest.to_pylist()
        rates = [self._rate(row) for row in rows]
        amounts = [
            None
            if rate is None
            else (row["amount"] * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for row, rate in zip(rows, rates, strict=True)
        ]
        asked = self.definitions.reporting_currency
        currencies = [
            None if rate is None else asked or (row["currency"] and row["currency"].upper())
            for row, rate in zip(rows, rates, strict=True)
        ]
        added = {
            "exchange_rate": pa.array(rates, pa.decimal128(18, 8)),
            "reporting_amount": pa.array(amounts, pa.decimal128(38, 2)),
            "reporting_currency": pa.array(currencies, STRING),
        }
        for name, values in added.items():
            newest = newest.append_column(name, values)
        return newest

    def _rate(self, row: Mapping[str, Any]) -> Decimal | None:
        """Return the rate of a transaction's day: the newest, unless it is too old."""
        asked = self.definitions.reporting_currency
        if asked is None or (row["currency"] or "").upper() == asked:
            return Decimal(1)
        day = row["event_date"]
        known = [
            (rate_date, rate)
            for currency, rate_date, rate in exchange_rates()
            if currency == (row["currency"] or "").upper() and rate_date <= day
        ]
        if not known or day - max(known)[0] >= self.definitions.exchange_rate_days * DAY:
            return None
        return max(known)[1]

    def customers(self) -> pa.Table:
        """Return the intervals of customers' attributes, without what names a person."""
        columns = {
            "customer_version_id": STRING, "customer_id": BIGINT, "name": STRING, "email": STRING,
            "phone": STRING, "registration_date": DATE, "location": STRING,
            "customer_segment": STRING, "valid_from": TIME, "valid_to": TIME, "is_current": BOOL,
        }  # fmt: skip
        versions: dict[int, dict[Any, tuple[Any, ...]]] = defaultdict(dict)
        for customer, updated, *values in self.run(
            "select customer_id, epoch_us(updated_at), registration_date, location, "
            "customer_segment from accepted_crm_customers order by load, event_key"
        ):
            # Of those of one time the last counts.
            versions[customer][updated] = tuple(values)
        rows = []
        for customer, by_time in versions.items():
            times = sorted(by_time, key=lambda updated: (updated is not None, updated or 0))
            kept: list[tuple[int, tuple[Any, ...]]] = []
            for number, updated in enumerate(times):
                values = by_time[updated]
                if number == 0:
                    known = [time for time in times if time is not None]
                    registered = self.definitions.start_of(values[0])
                    kept.append((min([registered, *known[:1]]), values))
                elif values != kept[-1][1]:
                    kept.append((updated, values))
            for number, (start, values) in enumerate(kept):
                end = kept[number + 1][0] if number + 1 < len(kept) else None
                if start != end:
                    rows.append(
                        (
                            md5_of(customer, start), customer, None, None, None, *values,
                            time_of(start), None if end is None else time_of(end), end is None,
                        )
                    )  # fmt: skip
        return table(columns, rows)

    def customer_features(self) -> pa.Table:
        columns = {
            "customer_id": BIGINT, "as_of_date": DATE, "purchase_frequency": BIGINT,
            "unconverted_purchase_count": BIGINT, "total_spend": pa.decimal128(38, 2),
            "avg_transaction_value": pa.decimal128(38, 6),
            "spend_currency": STRING, "last_purchase_date": DATE, "recency_days": INT,
            "days_since_last_transaction": INT,
            "transaction_frequency_last_30_days": BIGINT, "average_session_duration": DOUBLE,
            "event_conversion_rate": DOUBLE,
        }  # fmt: skip
        first_seen: dict[int, date] = {}
        observed: set[date] = set()

        def rows_of(name: str, *names: str) -> dict[int, Rows]:
            found = defaultdict(list)
            selected = ", ".join(["customer_id", "event_date", *names])
            for customer, day, *values in self.run(f"select {selected} from {name}"):
                found[customer].append((day, *values))
                first_seen[customer] = min(day, first_seen.get(customer, day))
                observed.add(day)
            return found

        rows_of("accepted_crm_customers")
        self.connection.register("newest_transactions", self.transactions())
        money = ("transaction_status", "reporting_amount", "reporting_currency")
        transactions = rows_of("newest_transactions", *money)
        events = rows_of("accepted_crm_events", "event_type")
        sessions = rows_of("accepted_crm_sessions", "session_duration")

        newest = max(observed)
        as_of_dates = [
            day
            for day in days_between(min(observed), newest)
            if self.definitions.is_as_of_date(day, newest)
        ]
        rows = []
        for customer, first in first_seen.items():
            for as_of in as_of_dates[bisect_left(as_of_dates, first) :]:
                paid = [row for row in transactions[customer] if row[0] <= as_of]
                bought = [(day, amount) for day, status, amount, _ in paid if status == "completed"]
                counted = [amount for _, amount in bought if amount is not None]
                currencies = {row[3] for row in paid if row[1] == "completed"} - {None}
                acts = [kind for day, kind in events[customer] if day <= as_of]
                seconds = [
                    length
                    for day, length in sessions[customer]
                    if day <= as_of and length is not None
                ]
                spend = sum(counted, Decimal(0))
                last_purchase = max((day for day, _ in bought), default=None)
                rows.append(
                    (
                        customer,
                        as_of,
                        len(bought),
                        len(bought) - len(counted),
                        spend,
                        (spend / len(counted)).quantize(Decimal("1e-6"), ROUND_HALF_UP)
                        if counted
                        else None,
                        max(currencies, default=None),
                        last_purchase,
                        (as_of - last_purchase).days if last_purchase else None,
                        (as_of - max(day for day, *_ in paid)).days if paid else None,
                        sum(day > as_of - 30 * DAY for day, *_ in paid),
                        sum(seconds) / len(seconds) if seconds else None,
                        acts.count("purchase") / len(acts) if acts else None,
                    )
                )
        return table(columns, rows)

    def customer_rfm(self) -> pa.Table:
        columns = {
            "customer_id": BIGINT, "as_of_date": DATE, "recency_score": INT,
            "frequency_score": INT, "monetary_score": INT, "rfm_score": STRING,
            "rfm_segment": STRING,
        }  # fmt: skip
        by_date: dict[date, list[dict[str, Any]]] = defaultdict(list)
        for row in self.customer_features().to_pylist():
            if row["purchase_frequency"]:
                by_date[row["as_of_date"]].append(row)
        segments = rfm_segments()
        rows = []
        for as_of, customers in by_date.items():

            def score(own: Any, name: str, customers: list[dict[str, Any]] = customers) -> int:
                lower = sum(row[name] < own for row in customers)
                return min(5, 1 + 5 * lower // max(len(customers) - 1, 1))

            for customer in customers:
                customer["nearness"] = -customer["recency_days"]
            for customer in customers:
                recency, frequency, monetary = (
                    score(customer[name], name)
                    for name in ("nearness", "purchase_frequency", "total_spend")
                )
                segment = segments.get((recency, frequency), "other")
                scores = (recency, frequency, monetary)
                text = "".join(map(str, scores))
                rows.append((customer["customer_id"], as_of, *scores, text, segment))
        return table(columns, rows)

    def customer_lifetime_value(self) -> pa.Table:
        columns = {
            "cohort_month": DATE, "age_months": INT, "as_of_date": DATE,
            "is_complete_month": BOOL, "customer_count": BIGINT, "purchase_count": BIGINT,
            "total_spend": pa.decimal128(38, 2), "lifetime_value": pa.decimal128(38, 6),
        }  # fmt: skip
        bought: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
        for row in self.transactions().to_pylist():
            if row["transaction_status"] == "completed":
                amount = row["reporting_amount"] or Decimal(0)
                bought[row["customer_id"]].append((row["event_date"], amount))
        known = {row["as_of_date"] for row in self.customer_features().to_pylist()}
        months = {day for day in known if day in (month_end(day), max(known))}
        cohorts: dict[date, list[list[tuple[date, Decimal]]]] = defaultdict(list)
        for purchases in bought.values():
            cohorts[min(purchases)[0].replace(day=1)].append(purchases)
        rows = []
        for cohort, customers in cohorts.items():
            for as_of in (day for day in months if day >= cohort):
                until = [[row for row in own if row[0] <= as_of] for own in customers]
                until = [own for own in until if own]
                if until:
                    spend = sum((amount for own in until for _, amount in own), Decimal(0))
                    age = 12 * (as_of.year - cohort.year) + as_of.month - cohort.month
                    value = (spend / len(until)).quantize(Decimal("1e-6"), ROUND_HALF_UP)
                    count = sum(map(len, until))
                    is_complete = as_of == month_end(as_of)
                    rows.append((cohort, age, as_of, is_complete, len(until), count, spend, value))
        return table(columns, rows)

    # ---------- quality

    def column_metrics(self) -> pa.Table:
        """Return the metrics of the columns of staged events, without the estimates."""
        columns = {
            "source": STRING, "event_date": DATE, "column_name": STRING, "row_count": BIGINT,
            "null_count": BIGINT, "minimum": STRING, "maximum": STRING, "mean": DOUBLE,
        }  # fmt: skip
        rows = []
        for name, entity in ENTITIES.items():
            staged = self.staged(name)
            days = staged.column("event_date").to_pylist() if name not in UNDATED else []
            for column in entity.columns:
                if column not in staged.column_names or "[]" in entity.columns[column]:
                    continue
                found: dict[date, list[Any]] = defaultdict(list)
                for day, value in zip(days, staged.column(column).to_pylist(), strict=False):
                    found[day].append(value)
                hidden = column in ("user_id", "customer_id") or (
                    entity.columns[column] == "varchar"
                    and f"{column}_unknown" not in dict(map(reversed, entity.rejects))
                )
                for day, values in found.items():
                    known = sorted(value for value in values if value is not None)
                    ends = [_spark_text(known[end]) for end in (0, -1)] if known else []
                    numbers = [value for value in known if isinstance(value, (int, Decimal))]
                    rows.append(
                        (
                            *(name, day, column, len(values), len(values) - len(known)),
                            *(ends if ends and not hidden else (None, None)),
                            float(sum(numbers) / len(numbers)) if numbers and not hidden else None,
                        )
                    )
        return table(columns, rows)

    # ---------- training

    def samples(self) -> pa.Table:
        columns = {
            "dt": DATE, "ranking_id": STRING, "customer_id": BIGINT, "position": INT,
            "item_id": INT, "is_order": BOOL,
        }  # fmt: skip
        rankings = self.run(
            "select dt, ranking_id, customer_id, impressions from accepted_shop_impressions"
        )
        return table(
            columns,
            (
                (*ranking, position, shown["item_id"], shown["is_order"])
                for *ranking, impressions in rankings
                for position, shown in enumerate(impressions)
            ),
        )

    @cached_property
    def history(self) -> dict[int, list[tuple[int, int, int]]]:
        """Time, kind and item of each customer's actions, newest first."""
        history: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for entity, code in ACTION_CODES.items():
            item, time = ("item_id", "click_time") if code == 1 else ("config_id", "occurred_at")
            for customer, micros, item_id in self.run(
                f"select customer_id, epoch_us({time}), {item} from accepted_shop_{entity}"
            ):
                history[customer].append((micros, code, item_id))
        for actions in history.values():
            actions.sort(reverse=True)
        return history

    def newest(self, actions: Iterable[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
        """Return the items and kinds of the first actions, as many as a sequence may have."""
        recent = list(actions)[: self.definitions.sequence_length]
        return [item for _, _, item in recent], [code for _, code, _ in recent]

    def action_segments(self) -> pa.Table:
        columns = {"customer_id": BIGINT, "event_date": DATE} | ACTIONS
        return table(
            columns,
            (
                (customer, day, *self.newest(group))
                for customer, actions in self.history.items()
                for day, group in groupby(actions, lambda a: self.definitions.day_of(a[0]))
            ),
        )

    def action_checkpoints(self) -> pa.Table:
        """Return what each customer had done before the dates of the grid."""
        day_counts = pa.struct([("event_date", DATE), ("action_count", INT)])
        columns = {"checkpoint_date": DATE, "customer_id": BIGINT} | ACTIONS
        first = min(
            (self.definitions.day_of(actions[-1][0]) for actions in self.history.values()),
            default=date.max,
        )
        shown = self.one("select max(dt) from accepted_shop_impressions") or date.min
        every = self.definitions.checkpoint_every_days
        last = shown.toordinal() - self.definitions.checkpoint_settle_days
        dates = [
            date.fromordinal(ordinal)
            for number in range(self.definitions.checkpoints_kept)
            if (ordinal := last - last % every - number * every) > first.toordinal()
        ]
        length, rows = self.definitions.sequence_length, []
        for day, (customer, actions) in product(dates, self.history.items()):
            past = [action for action in actions if self.definitions.day_of(action[0]) < day]
            days = Counter(self.definitions.day_of(micros) for micros, _, _ in past)
            counts = [
                {"event_date": acted_on, "action_count": min(count, length)}
                for acted_on, count in sorted(days.items(), reverse=True)[:length]
            ]
            if past:
                rows.append((day, customer, *self.newest(past), counts))
        return table(columns | {"action_days": pa.list_(day_counts)}, rows)

    def sequences(self) -> pa.Table:
        columns = {"dt": DATE, "customer_id": BIGINT} | ACTIONS | {"action_count": INT}
        rows = []
        for day, customer in self.run(
            "select distinct dt, customer_id from accepted_shop_impressions"
        ):
            kept = self.definitions.sequence_history_days
            since = date.min if kept is None else day - timedelta(days=kept)
            actions, kinds = self.newest(
                action
                for action in self.history.get(customer, [])
                if since <= self.definitions.day_of(action[0]) < day
            )
            rows.append((day, customer, actions, kinds, len(actions)))
        return table(columns, rows)


def _spark_text(value: Any) -> str:
    """Return a value as Spark casts it to a text in a session in UTC."""
    if isinstance(value, datetime):
        text = value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ")
        return text.rstrip("0") if "." in text else text
    return str(value)


def _key_part(column: str, kind: str) -> str:
    """Return a key column as text; an escape (27) goes before a separator, a null, an escape."""
    if kind != "varchar":
        return f"epoch_us({column})::varchar" if kind == "timestamptz" else f"{column}::varchar"
    return _escaped(column)


def _escaped(column: str) -> str:
    text = column
    for special in (27, 31, 0):
        text = f"replace({text}, chr({special}), concat(chr(27), chr({special})))"
    return text


def _view(name: str) -> str:
    return name.replace(".", "_")


@lru_cache(maxsize=1)
def exchange_rates() -> list[tuple[str, date, Decimal]]:
    """Return currency, first day and rate of the seed's rows."""
    with (SEEDS / "exchange_rates.csv").open(newline="") as file:
        return [
            (row["currency"], date.fromisoformat(row["rate_date"]), Decimal(row["rate"]))
            for row in csv.DictReader(file)
        ]


@lru_cache(maxsize=1)
def rfm_segments() -> dict[tuple[int, int], str]:
    """Return the seed's segment of each recency and frequency score."""
    with (SEEDS / "rfm_segments.csv").open(newline="") as file:
        return {
            (int(row["recency_score"]), int(row["frequency_score"])): row["segment"]
            for row in csv.DictReader(file)
        }


def core_actions(seed: Path) -> set[str]:
    """Return the actions that the seed calls core."""
    with seed.open(newline="") as file:
        return {row["action_type"] for row in csv.DictReader(file) if row["is_core"] == "true"}


def differences(built: pa.Table, expected: pa.Table, key: Sequence[str]) -> list[str]:
    """Return how two tables differ, row by row; numbers with a fraction may differ by rounding.

    Args:
        built: what the project made.
        expected: what the oracle says; it must have the same columns.
        key: the grain.
    """
    if set(built.column_names) != set(expected.column_names):
        return [f"columns: {sorted(built.column_names)} <> {sorted(expected.column_names)}"]
    found = []
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("built", built)
        connection.register("expected", expected)
        for name, rows in (("built", built), ("expected", expected)):
            grains = connection.execute(
                f"select count(*) from (select distinct {', '.join(key)} from {name})"
            ).fetchall()
            if grains[0][0] != rows.num_rows:
                found.append(f"{name}: {rows.num_rows} rows, {grains[0][0]} keys")
        others = [column for column in built.column_names if column not in key]
        unequal = [f"({_unequal(column, expected.schema.field(column).type)})" for column in others]
        condition = " or ".join(["built_row is null", "expected_row is null", *unequal])
        keys = ", ".join(f"coalesce(b.{name}, e.{name}) as {name}" for name in key)
        pairs = ", ".join(f"[b.{name}::varchar, e.{name}::varchar] as {name}" for name in others)
        rows = connection.execute(
            f"""
            select {", ".join([keys, *([pairs] if pairs else [])])}
            from (select *, true as built_row from built) as b
            full join (select *, true as expected_row from expected) as e
                on {" and ".join(f"b.{name} = e.{name}" for name in key)}
            where {condition}
            """
        ).fetchall()
        if rows:
            names = [*key, *(f"{name} [built, expected]" for name in others)]
            found.append(f"{len(rows)} rows differ; {names}: {rows[:3]}")
    if built.num_rows != expected.num_rows:
        found.append(f"rows: {built.num_rows} <> {expected.num_rows}")
    return found


def _unequal(column: str, data_type: pa.DataType) -> str:
    different = f"b.{column} is distinct from e.{column}"
    if pa.types.is_floating(data_type):
        close = f"abs(b.{column} - e.{column}) <= 1e-9 * greatest(1, abs(e.{column}))"
        return f"{different} and not coalesce({close}, false)"
    return different
