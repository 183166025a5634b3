"""Active users of a year: ``python -m benchmarks.active_users --json FILE``.

At scale 1.0, 20 million interactions of a million users in a year, then those of one more day;
users' activity follows a Zipf law. The interactions are prepared as user-days, one row per user and
day: footfall's in `fct_user_activity_daily`, the others' in Parquet. Each engine counts the users
of every day and of the 7, 28 and 30 days that end with it. `naive` counts distinct users over a
join of days and user-days. `intervals` adds 1 on an active day and takes it away when the window or
the user's next active day ends it. All numbers of all engines are compared.

footfall builds `fct_user_activity_monthly` and `fct_active_users_daily`: beside the compared series
(`basic`, `all`) eleven more, since three definitions of active are counted for all and by three
attributes, and the month to date; dbt's own start and Delta's commits are included. `Spark,
intervals` is what the one series costs on Spark by footfall's way. Each engine has two cores and a
process of its own; Spark has a heap of 4 GiB, or of `FOOTFALL_DRIVER_MEMORY_GIB`.

The last rows say what one more day costs after only the last days of that year: a day's cost does
not depend on history.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import polars as pl
import typer
from pyspark.sql import functions as F

from benchmarks.harness import in_own_process, temporary_home, write_report
from benchmarks.interactions import (
    Days,
    Interactions,
    build,
    connect_duckdb,
    reflect,
    use_two_cores,
)
from benchmarks.peers import Engine, Result, compare
from benchmarks.sessions import sessions_sql
from footfall.generate.world import COUNTRIES, DEVICES, SUBSCRIPTIONS
from footfall.settings import get_settings
from footfall.spark.session import get_session

DAYS = 365
WINDOWS = {"dau": 1, "wau": 7, "mau_28": 28, "mau_30": 30}
USER_DAYS = "fct_user_activity_daily"
ACTIVE_USERS = "fct_active_users_daily"

Counts: TypeAlias = dict[date, tuple[int, ...]]
"""The active users of each day, one number a window."""


@dataclass(frozen=True)
class UserDays:
    """The user-days of the interactions.

    Args:
        data: the interactions.
    """

    data: Interactions

    @property
    def file(self) -> Path:
        return self.data.folder / "user_days.parquet"

    def write(self) -> None:
        """Write the user-days by day, as footfall keeps them; a user's attributes never change."""
        attributes = {
            "country": list(COUNTRIES),
            "device_type": list(DEVICES),
            "subscription_type": list(SUBSCRIPTIONS),
        }
        drawn = ", ".join(
            f"{values}[1 + cast(md5_number_lower(user_id || '{name}') % {len(values)} as int)] "
            f"as {name}"
            for name, values in attributes.items()
        )
        with connect_duckdb(self.data.folder) as connection:
            connection.execute(
                f"""
                copy (
                    select actions.*, session_count, longest_session_seconds, {drawn}
                    from (
                        select user_id, cast(event_time as date) as event_date,
                            count(*) as action_count,
                            count(*) filter (interaction_type <> 'view') as core_action_count,
                            count(*) filter (interaction_type = 'view') as view_count,
                            count(*) filter (interaction_type = 'click') as click_count,
                            count(*) filter (interaction_type = 'purchase') as purchase_count
                        from '{self.data.file}' group by all
                    ) as actions
                    inner join (
                        select user_id, event_date, count(*) as session_count,
                            max(duration_seconds) as longest_session_seconds
                        from ({sessions_sql(f"'{self.data.file}'")}) group by all
                    ) as sessions using (user_id, event_date)
                    order by event_date
                ) to '{self.file}'
                """
            )

    def needed(self, days: Days) -> Days:
        """Return the days whose activity decides who is active on days."""
        return Days(days.first - timedelta(days=max(WINDOWS.values()) - 1), days.last)


@dataclass
class ActiveUsersEngine(Engine):
    """Counts active users; ``counts`` holds those of the last run."""

    counts: Counts = field(default_factory=dict)

    @property
    def user_days(self) -> UserDays:
        return UserDays(self.data)

    def result(self, days: Days) -> Result:
        return {f"the active users of {day}": self.counts.get(day) for day in days.dates}


class Footfall(ActiveUsersEngine):
    name = "footfall"

    def load(self) -> None:
        """Create the tables and fill that of user-days with the period."""
        build(f"+{ACTIVE_USERS}")
        self._fill(self.data.period, load=1)

    def _fill(self, days: Days, load: int) -> None:
        spark = get_session()
        table = spark.table(self._table(USER_DAYS))
        rows = spark.read.parquet(str(self.user_days.file)).where(
            F.col("event_date").between(days.first, days.last)
        )
        # No interaction of product has a duration, or is of a type that only app knows.
        columns = [
            (F.col(column.name) if column.name in rows.columns else F.lit(0))
            .cast(column.dataType)
            .alias(column.name)
            for column in table.schema
        ]
        rows.select(*columns).write.insertInto(self._table(USER_DAYS))
        reflect(self._table(USER_DAYS), load)

    def prepare(self, days: Days) -> None:
        get_session()
        if days == self.data.new_day:
            self.data.stage(days, load=2)
            self._fill(days, load=2)

    def run(self, days: Days) -> None:
        full_refresh = days == self.data.period
        build("fct_user_activity_monthly", ACTIVE_USERS, full_refresh=full_refresh)

    def result(self, days: Days) -> Result:
        rows = (
            get_session()
            .table(self._table(ACTIVE_USERS))
            .where("definition = 'basic' and segment_type = 'all'")
            .select("metric_date", *WINDOWS)
            .collect()
        )
        self.counts = {day: tuple(users) for day, *users in rows}
        return super().result(days)

    @staticmethod
    def _table(name: str) -> str:
        return f"{get_settings().schema_of('gold')}.{name}"


class QueryEngine(ActiveUsersEngine):
    """Counts by SQL on ``user_days``, those that the given days need."""

    @abstractmethod
    def query(self, days: Days, sql: str) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""


class OnSpark(QueryEngine):
    def prepare(self, days: Days) -> None:
        needed = self.user_days.needed(days)
        user_days = get_session().read.parquet(str(self.user_days.file))
        user_days.where(F.col("event_date").between(needed.first, needed.last)).select(
            "user_id", "event_date"
        ).createOrReplaceTempView("user_days")

    def query(self, days: Days, sql: str) -> Iterable[tuple[Any, ...]]:
        return get_session().sql(sql).collect()


class OnDuckDB(QueryEngine):
    def query(self, days: Days, sql: str) -> Iterable[tuple[Any, ...]]:
        needed = self.user_days.needed(days)
        with connect_duckdb(self.data.folder) as connection:
            connection.execute(
                f"create view user_days as select user_id, event_date from '{self.user_days.file}' "
                f"where event_date between date '{needed.first}' and date '{needed.last}'"
            )
            return connection.execute(sql).fetchall()


@dataclass
class Naive(QueryEngine):
    """Counts distinct users over a join of days and user-days, one window after the other.

    Args:
        at_most: how many of a step's days it is given, the last ones; None for all.
    """

    at_most: int | None = None

    def given(self, days: Days) -> Days:
        surplus = len(days) - (self.at_most or len(days))
        return Days(days.first + timedelta(days=max(0, surplus)), days.last)

    def run(self, days: Days) -> None:
        found: list[dict[date, int]] = [
            dict(self.query(days, naive_sql(days, length))) for length in WINDOWS.values()
        ]
        self.counts = {day: tuple(users.get(day, 0) for users in found) for day in days.dates}


class Intervals(QueryEngine):
    """Counts by a running sum of interval deltas, all windows in one query."""

    def run(self, days: Days) -> None:
        rows = self.query(days, intervals_sql(days))
        self.counts = {day: tuple(map(int, users)) for day, *users in rows}


def naive_sql(days: Days, length: int) -> str:
    """Return the query of the users who are active in the windows that end with days.

    Args:
        days: the last day of each window.
        length: the days of a window.
    """
    windows = ", ".join(
        f"(date '{day - timedelta(days=length - 1)}', date '{day}')" for day in days.dates
    )
    return f"""
        select metric_date, count(distinct user_id) as active_users
        from (values {windows}) as windows (first_date, metric_date)
        inner join user_days on event_date between first_date and metric_date
        group by metric_date
    """


def intervals_sql(days: Days) -> str:
    """Return the query of the users who are active in each kind of window that ends with days."""
    windows = ", ".join(f"('{metric}', {length})" for metric, length in WINDOWS.items())
    every_day = ", ".join(f"(date '{day}')" for day in days.dates)
    metrics = ", ".join(f"max(users) filter (where metric = '{metric}')" for metric in WINDOWS)
    return f"""
        with windows as (select * from (values {windows}) as windows (metric, length)),
        metric_dates as (select * from (values {every_day}) as metric_dates (metric_date)),
        user_days_with_next as (
            select event_date,
                lead(event_date) over (partition by user_id order by event_date) as next_date
            from user_days
        ),
        intervals as (
            select event_date, next_date, count(*) as users
            from user_days_with_next group by event_date, next_date
        ),
        deltas as (
            select metric, event_date as metric_date, users as delta
            from intervals cross join windows
            union all
            select metric, least(event_date + length, next_date), -users
            from intervals cross join windows
            union all
            select metric, metric_date, 0 from metric_dates cross join windows
        ),
        daily as (
            select metric, metric_date, sum(delta) as delta
            from deltas group by metric, metric_date
        ),
        running as (
            select metric, metric_date,
                sum(delta) over (partition by metric order by metric_date) as users
            from daily
        )
        select metric_date, {metrics}
        from running
        where metric_date between date '{days.first}' and date '{days.last}'
        group by metric_date
    """


class NaiveSpark(Naive, OnSpark):
    name = "Spark, naive"


class IntervalsSpark(Intervals, OnSpark):
    name = "Spark, intervals"


class NaiveDuckDB(Naive, OnDuckDB):
    name = "DuckDB, naive"


class IntervalsDuckDB(Intervals, OnDuckDB):
    name = "DuckDB, intervals"


class IntervalsPolars(ActiveUsersEngine):
    name = "Polars, intervals"

    def run(self, days: Days) -> None:
        user, day = pl.col("user_id"), pl.col("event_date")
        needed = self.user_days.needed(days)
        intervals = (
            pl.scan_parquet(self.user_days.file)
            .select(user, day)
            .filter(day.is_between(needed.first, needed.last))
            .select(day, next_date=day.shift(-1).over(user, order_by=day))
            .group_by("event_date", "next_date")
            .agg(users=pl.len().cast(pl.Int64))
            .collect(engine="streaming")
        )
        every_day = pl.DataFrame({"metric_date": days.dates, "delta": [0] * len(days)})
        found = []
        for length in WINDOWS.values():
            end = pl.min_horizontal(day.dt.offset_by(f"{length}d"), "next_date")
            deltas = [
                intervals.select(metric_date=day, delta="users"),
                intervals.select(metric_date=end, delta=-pl.col("users")),
                every_day,
            ]
            daily = pl.concat(deltas).group_by("metric_date").agg(pl.col("delta").sum())
            running = daily.sort("metric_date").select(
                "metric_date", users=pl.col("delta").cum_sum()
            )
            found.append(dict(running.iter_rows()))
        self.counts = {day: tuple(users[day] for users in found) for day in days.dates}


def loaded_footfall(data: Interactions) -> Footfall:
    """Return footfall with the user-days of a period in tables of their own."""
    os.environ["FOOTFALL_DB_SCHEMA"] = f"days_{len(data.period)}"
    footfall = Footfall(data)
    in_own_process(footfall.load)
    return footfall


def main(
    scale: Annotated[float, typer.Option(help="1 is 20 million interactions.")] = 1.0,
    days: Annotated[int, typer.Option(min=1, help="Days that are counted at once.")] = DAYS,
    naive_days: Annotated[
        int | None, typer.Option(min=1, help="Give the naive engines only the last days.")
    ] = None,
    history: Annotated[
        list[int] | None, typer.Option(help="Measure footfall after only the last days, too.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure active users of a year, and of the day after it, by six ways.

    With `--naive-days` a row says what the naive engines would take for all days, in proportion.

    Example: `python -m benchmarks.active_users --scale 0.02 --naive-days 30 --history 90`
    """
    use_two_cores()
    with temporary_home() as folder:
        data = Interactions(folder, days, scale)
        data.write()
        UserDays(data).write()
        engines = [
            loaded_footfall(data),
            NaiveSpark(data, at_most=naive_days),
            IntervalsSpark(data),
            NaiveDuckDB(data, at_most=naive_days),
            IntervalsDuckDB(data),
            IntervalsPolars(data),
        ]
        rows = compare("active users", data, engines)
        for known_days in history or []:
            shorter = replace(data, left_out=days - known_days)
            *_, day = compare("active users", shorter, [loaded_footfall(shorter)])
            rows.append(replace(day, step=f"one more day after {known_days} days"))
    write_report("active_users", rows, json)


if __name__ == "__main__":
    typer.run(main)
