"""Sessions by three engines: ``python -m benchmarks.sessions --json FILE``.

At scale 1.0, 20 million interactions of a million users in 30 days, then those of one more day;
users' activity follows a Zipf law. footfall finds the interactions in the table of staging, from
which dbt builds `fct_sessions`, in Delta and with the session's id; dbt's own start is included.
DuckDB and Polars read the same interactions from Parquet and write the sessions as Parquet, without
an id. All sessions of all engines are compared. Each engine has two cores and a process of its own;
Spark has a heap of 4 GiB, or of `FOOTFALL_DRIVER_MEMORY_GIB`.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from benchmarks.harness import in_own_process, temporary_home, write_report
from benchmarks.interactions import Days, Interactions, build, connect_duckdb, use_two_cores
from benchmarks.peers import Engine, Result, compare
from footfall.project.dbt import project_vars
from footfall.settings import get_settings
from footfall.spark.session import get_session

DAYS = 30


def session_gap() -> timedelta:
    return timedelta(minutes=int(project_vars()["session_gap_minutes"]))


def sessions_sql(interactions: str) -> str:
    """Return DuckDB's query of sessions that end at midnight.

    Args:
        interactions: what holds ``user_id`` and ``event_time``.
    """
    return f"""
        with events as (
            select user_id, event_time, cast(event_time as date) as event_date
            from {interactions}
        ),
        marked as (
            select *, coalesce(
                event_time >= lag(event_time) over user_day
                    + interval {session_gap().seconds} seconds,
                true
            ) as starts_session
            from events
            window user_day as (partition by user_id, event_date order by event_time)
        ),
        numbered as (
            select *, count(*) filter (starts_session) over (
                partition by user_id, event_date order by event_time
            ) as session_number
            from marked
        )
        select user_id, event_date, min(event_time) as session_start,
            max(event_time) as session_end,
            (epoch_us(max(event_time)) - epoch_us(min(event_time))) / 1e6 as duration_seconds,
            count(*) as action_count
        from numbered
        group by user_id, event_date, session_number
    """


class SessionEngine(Engine):
    """Makes sessions; ``folder`` holds those of the last run as Parquet."""

    @property
    def folder(self) -> Path:
        return self.data.folder / "sessions"

    def prepare(self, days: Days) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def result(self, days: Days) -> Result:
        """Return the numbers of sessions and interactions, all durations and a hash of all rows."""
        with connect_duckdb(self.data.folder) as connection:
            found = connection.execute(
                f"""
                select count(*), sum(action_count),
                    sum(cast(round(duration_seconds * 1e6) as bigint)),
                    bit_xor(hash(
                        user_id, epoch_us(session_start), epoch_us(session_end), action_count
                    ))
                from '{self.folder}/*.parquet'
                """
            ).fetchone()
        assert found is not None
        return {f"the sessions from {days.first} to {days.last}": found}


class Footfall(SessionEngine):
    name = "footfall"

    def load(self) -> None:
        """Create the tables and put the period into staging."""
        build("+fct_sessions")
        self.data.stage(self.data.period, load=1)

    def prepare(self, days: Days) -> None:
        super().prepare(days)
        get_session()
        if days == self.data.new_day:
            self.data.stage(days, load=2)

    def run(self, days: Days) -> None:
        build("fct_sessions", full_refresh=days == self.data.period)

    def result(self, days: Days) -> Result:
        sessions = get_session().table(f"{get_settings().schema_of('gold')}.fct_sessions")
        asked = sessions.where(sessions.event_date.between(days.first, days.last))
        asked.write.mode("overwrite").parquet(str(self.folder))
        return super().result(days)


class DuckDB(SessionEngine):
    name = "DuckDB"

    def run(self, days: Days) -> None:
        interactions = f"(select * from '{self.data.file}' where {days.hold('event_time')})"
        with connect_duckdb(self.data.folder) as connection:
            connection.execute(
                f"copy ({sessions_sql(interactions)}) to '{self.folder}/sessions.parquet'"
            )


class Polars(SessionEngine):
    name = "Polars"

    def run(self, days: Days) -> None:
        user, time, day = pl.col("user_id"), pl.col("event_time"), pl.col("event_date")
        starts_session = (
            user.ne_missing(user.shift())
            | day.ne_missing(day.shift())
            | (time.diff() >= session_gap())
        )
        sessions = (
            pl.scan_parquet(self.data.file)
            .select(user, time)
            .filter(time.dt.date().is_between(days.first, days.last))
            .sort(user, time)
            .with_columns(event_date=time.dt.date())
            .with_columns(session_number=starts_session.cum_sum())
            .group_by("session_number")
            .agg(
                user.first(),
                day.first(),
                session_start=time.min(),
                session_end=time.max(),
                duration_seconds=(time.max() - time.min()).dt.total_microseconds() / 1e6,
                action_count=pl.len(),
            )
        )
        sessions.drop("session_number").sink_parquet(self.folder / "sessions.parquet")


def main(
    scale: Annotated[float, typer.Option(help="1 is 20 million interactions.")] = 1.0,
    days: Annotated[int, typer.Option(min=1, help="Days that are built at once.")] = DAYS,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure sessions of a month, and of the day after it, by three engines.

    Example: `python -m benchmarks.sessions --scale 0.02`
    """
    use_two_cores()
    with temporary_home() as folder:
        data = Interactions(folder, days, scale)
        data.write()
        footfall = Footfall(data)
        in_own_process(footfall.load)
        rows = compare("sessions", data, [footfall, DuckDB(data), Polars(data)])
    write_report("sessions", rows, json)


if __name__ == "__main__":
    typer.run(main)
