"""Days by DuckDB and by Spark: ``python -m benchmarks.by_day --json FILE``.

1, 5 and 20 million interactions of 30 days (`--scale 1` is 20 million) stand in the table of
staging, in Delta. From them come the sessions, the counts per user, product and day, and, with the
sessions, the activity per user and day: all columns of `fct_sessions`, `fct_user_product_daily` and
`fct_user_activity_daily`. `footfall, DuckDB` and `footfall, Spark` are the model's own SQL,
computed and committed as a run does it, in a session of Spark's that is warm; dbt is not included.
`DuckDB alone` and `Polars alone` are queries written for them, which read the same files and write
a Parquet file a day, without a commit. Then the same for one more day. All rows of all engines are
compared. Each engine has two cores and a process of its own; Spark has a heap of 4 GiB, or of
`FOOTFALL_DRIVER_MEMORY_GIB`.
"""

from __future__ import annotations

import json as jsonlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import md5
from io import StringIO
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from benchmarks.harness import Row, in_own_process, temporary_home, write_report
from benchmarks.interactions import Days, Interactions, build, connect_duckdb, use_two_cores
from benchmarks.peers import Engine, Result, compare
from benchmarks.sessions import DAYS, session_gap
from footfall.by_day.inputs import ByDay, read_input
from footfall.by_day.step import DayStep
from footfall.project.dbt import project_vars, run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session

SCALES = (0.05, 0.25, 1.0)
STAGING, GOLD = "stg_product__interactions", "gold"
INTERACTIONS = {"interactions": ("silver", STAGING)}
KINDS = ("view", "click", "purchase", "page_view", "edit", "create", "delete", "share")
CORE = ("click", "purchase", "edit", "create", "share")
ATTRIBUTES = ("country", "device_type", "subscription_type")


@dataclass(frozen=True)
class Model:
    """What is computed.

    Args:
        name: the model's.
        query: DuckDB's own, of views that are named as ``reads`` has them.
        by_polars: the same by Polars, of frames by the same names.
        checksum: of a table's rows, in DuckDB's dialect.
        reads: the layer and table of each input.
    """

    name: str
    query: str
    by_polars: Callable[..., pl.DataFrame]
    checksum: str
    reads: Mapping[str, tuple[str, str]] = field(default_factory=lambda: INTERACTIONS)


def longest_session() -> timedelta:
    return timedelta(minutes=int(project_vars()["session_max_minutes"]))


def sessions_by_polars(interactions: pl.LazyFrame) -> pl.DataFrame:
    """Return the columns of `fct_sessions`; Polars has no MD5, which Python makes of the ids."""
    is_other = [pl.col(name).ne_missing(pl.col(name).shift()) for name in ("user_id", "event_date")]
    starts = pl.any_horizontal(*is_other, pl.col("event_time").diff() >= session_gap())
    duration = pl.col("session_end") - pl.col("session_start")
    sessions = (
        interactions.sort("user_id", "event_date", "event_time", "event_key")
        .with_columns(starts.cum_sum().alias("session"))
        .group_by("session")
        .agg(
            pl.col("user_id", "event_date", "event_key").first(),
            pl.col("event_time").min().alias("session_start"),
            pl.col("event_time").max().alias("session_end"),
            pl.len().cast(pl.Int64).alias("action_count"),
        )
        .with_columns(
            (duration.dt.total_microseconds() / 1e6).alias("duration_seconds"),
            pl.lit(0, pl.Int64).alias("engaged_ms"),
            (duration > longest_session()).alias("is_outlier"),
        )
        .collect()
    )
    ids = [
        md5(f"{user}\x1f{key}".encode()).hexdigest()
        for user, key in sessions.select("user_id", "event_key").iter_rows()
    ]
    return sessions.with_columns(pl.Series("session_id", ids)).drop("session", "event_key")


def products_by_polars(interactions: pl.LazyFrame) -> pl.DataFrame:
    """Return the columns of `fct_user_product_daily`."""
    kind = pl.col("interaction_type")
    return (
        interactions.group_by("user_id", "product_id", "event_date")
        .agg(
            pl.col("event_time").max().alias("last_interaction_time"),
            view_count=(kind == "view").sum(),
            click_count=(kind == "click").sum(),
            purchase_count=(kind == "purchase").sum(),
        )
        .collect()
    )


def activity_by_polars(interactions: pl.LazyFrame, sessions: pl.LazyFrame) -> pl.DataFrame:
    """Return the columns of `fct_user_activity_daily`."""
    kind = pl.col("interaction_type")
    days = interactions.group_by("user_id", "event_date").agg(
        pl.len().cast(pl.Int64).alias("action_count"),
        kind.is_in(CORE).sum().cast(pl.Int64).alias("core_action_count"),
        **{f"{name}_count": (kind == name).sum().cast(pl.Int64) for name in KINDS},
    )
    by_day = sessions.group_by("user_id", "event_date").agg(
        pl.len().cast(pl.Int64).alias("session_count"),
        pl.col("duration_seconds").max().alias("longest_session_seconds"),
    )
    return (
        days.join(by_day, on=["user_id", "event_date"], how="left")
        .with_columns(
            pl.col("session_count").fill_null(0),
            pl.lit(0, pl.Int64).alias("duration_ms"),
            **{name: pl.lit("unknown") for name in ATTRIBUTES},
        )
        .collect()
    )


def models() -> dict[str, Model]:
    """Return the models by what the report calls them."""
    most = longest_session() // timedelta(microseconds=1)
    counts = ", ".join(f"count_if(interaction_type = '{name}') as {name}_count" for name in KINDS)
    unknown = ", ".join(f"'unknown' as {name}" for name in ATTRIBUTES)
    return {
        "sessions": Model(
            "fct_sessions",
            f"""
            with marked as (
                select *, coalesce(
                    event_time >= lag(event_time) over user_day
                        + interval {session_gap().seconds} seconds,
                    true
                ) as starts_session
                from interactions
                window user_day as (partition by user_id, event_date order by event_time, event_key)
            ),
            numbered as (
                select *, count(*) filter (starts_session) over (
                    partition by user_id, event_date order by event_time, event_key
                    rows unbounded preceding
                ) as session_number
                from marked
            )
            select
                md5(concat_ws(chr(31), user_id, min(event_key) filter (starts_session)))
                    as session_id,
                user_id, event_date, min(event_time) as session_start,
                max(event_time) as session_end,
                (epoch_us(max(event_time)) - epoch_us(min(event_time))) / 1e6 as duration_seconds,
                0::bigint as engaged_ms, count(*) as action_count,
                epoch_us(max(event_time)) - epoch_us(min(event_time)) > {most} as is_outlier
            from numbered
            group by user_id, event_date, session_number
            """,
            sessions_by_polars,
            "session_id, user_id, epoch_us(session_start), epoch_us(session_end), engaged_ms, "
            "action_count, is_outlier, round(duration_seconds * 1e6)::bigint",
        ),
        "user × product × day": Model(
            "fct_user_product_daily",
            """
            select
                user_id, product_id, event_date,
                count_if(interaction_type = 'view') as view_count,
                count_if(interaction_type = 'click') as click_count,
                count_if(interaction_type = 'purchase') as purchase_count,
                max(event_time) as last_interaction_time
            from interactions
            group by all
            """,
            products_by_polars,
            "user_id, product_id, view_count::bigint, click_count::bigint, purchase_count::bigint, "
            "epoch_us(last_interaction_time)",
        ),
        "user × day": Model(
            "fct_user_activity_daily",
            f"""
            with days as (
                select
                    user_id, event_date, count(*) as action_count,
                    count_if(interaction_type in {CORE}) as core_action_count,
                    {counts}
                from interactions
                group by all
            ),
            by_day as (
                select
                    user_id, event_date, count(*) as session_count,
                    max(duration_seconds) as longest_session_seconds
                from sessions
                group by all
            )
            select
                user_id, event_date, {unknown},
                days.* exclude (user_id, event_date), 0::bigint as duration_ms,
                coalesce(session_count, 0) as session_count, longest_session_seconds
            from days left join by_day using (user_id, event_date)
            """,
            activity_by_polars,
            "user_id, country, action_count::bigint, core_action_count::bigint, "
            "view_count::bigint, click_count::bigint, purchase_count::bigint, share_count::bigint, "
            "duration_ms, session_count, round(longest_session_seconds * 1e6)::bigint",
            # As the step before has made them.
            INTERACTIONS | {"sessions": (GOLD, "fct_sessions")},
        ),
    }


def files_of(layer: str, table: str, days: Days) -> list[str]:
    """Return the Parquet files that a table has of some days."""
    name = f"{get_settings().schema_of(layer)}.{table}"
    found = read_input(name, get_settings().table_folder(name), ByDay("event_date"))
    return [str(file) for day in days.dates for file in found.of_day(str(day))]


@dataclass
class ModelEngine(Engine):
    """Makes the rows of a model.

    Args:
        data: the interactions, in staging.
        model: what is made.
    """

    model: Model

    def files(self, days: Days) -> list[str]:
        """Return where the rows that were made are."""
        return files_of(GOLD, self.model.name, days)

    def result(self, days: Days) -> Result:
        """Return how many rows there are, and a hash of all."""
        with connect_duckdb(self.data.folder) as connection:
            found = connection.execute(
                f"""
                select count(*), bit_xor(hash({self.model.checksum}))
                from read_parquet({self.files(days)}, hive_partitioning = false)
                """
            ).fetchone()
        assert found is not None
        return {f"{self.model.name} from {days.first} to {days.last}": found}


class Footfall(ModelEngine):
    """Runs the model's SQL, as dbt compiles it."""

    computes: str

    def prepare(self, days: Days) -> None:
        session = get_session()
        vars_of_one = ("--vars", jsonlib.dumps({"sources": ["product"]}))
        with redirect_stdout(StringIO()):
            compiled = run_dbt("compile", "--select", self.model.name, *vars_of_one)
        dates = [str(day) for day in days.dates]
        self.predicate = f"event_date in ({', '.join(f'''date'{day}' ''' for day in dates)})"
        sql = compiled.results[0].node.compiled_code
        self.step = DayStep(get_settings(), session, self.model.name, sql, "event_date", dates)
        # The first statement of a session takes seconds that no other does.
        session.sql(f"select count(*) from {self.table}").collect()

    @property
    def table(self) -> str:
        return f"{get_settings().schema_of(GOLD)}.{self.model.name}"


class ByDuckDB(Footfall):
    name = "footfall, DuckDB"

    def run(self, days: Days) -> None:
        assert not self.step.obstacle(self.table)
        self.step.run(self.table, self.predicate)


class BySpark(Footfall):
    name = "footfall, Spark"

    def run(self, days: Days) -> None:
        get_session().sql(
            f"insert into {self.table} replace where {self.predicate} "
            f"select * from ({self.step.sql}) where {self.predicate}"
        )


class Alone(ModelEngine):
    """Reads the files of staging, and writes a file a day."""

    @property
    def folder(self) -> Path:
        return self.data.folder / self.model.name

    def files(self, days: Days) -> list[str]:
        return [str(file) for file in self.folder.rglob("*.parquet")]

    def inputs(self, days: Days) -> dict[str, list[str]]:
        """Return the files of what is read."""
        return {name: files_of(*table, days) for name, table in self.model.reads.items()}


class DuckDBAlone(Alone):
    name = "DuckDB alone"

    def run(self, days: Days) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with connect_duckdb(self.data.folder) as connection:
            for name, files in self.inputs(days).items():
                connection.execute(
                    f"create view {name} as "
                    f"select * from read_parquet({files}, hive_partitioning = true)"
                )
            connection.execute(
                f"copy ({self.model.query}) to '{self.folder}' "
                "(format parquet, compression snappy, partition_by (event_date))"
            )


class PolarsAlone(Alone):
    name = "Polars alone"

    def run(self, days: Days) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        frames = {
            name: pl.scan_parquet(files, hive_partitioning=True)
            for name, files in self.inputs(days).items()
        }
        made = self.model.by_polars(**frames)
        for (day,), rows in made.partition_by("event_date", as_dict=True).items():
            file = self.folder / f"event_date={day}" / "0.parquet"
            rows.drop("event_date").write_parquet(file, compression="snappy", mkdir=True)


def measured(data: Interactions) -> list[Row]:
    """Measure all models on some interactions."""
    rows = []
    for what, model in models().items():
        engines: list[ModelEngine] = [
            ByDuckDB(data, model), BySpark(data, model), DuckDBAlone(data, model),
            PolarsAlone(data, model),
        ]  # fmt: skip
        rows += compare(what, data, engines)
    size = f"{data.count(data.period) / 1e6:.0f}M"
    return [replace(row, step=f"{size} interactions: {row.step}") for row in rows]


def load(data: Interactions) -> None:
    """Create the tables, and put all days into staging."""
    build("+fct_user_activity_daily", "+fct_user_product_daily")
    data.stage(data.period, load=1)
    data.stage(data.new_day, load=2)


def main(
    scale: Annotated[list[float] | None, typer.Option(help="1 is 20 million interactions.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure what DuckDB saves of a run, for 1, 5 and 20 million interactions.

    Example: `python -m benchmarks.by_day --scale 0.05`
    """
    use_two_cores()
    rows: list[Row] = []
    for size in scale or SCALES:
        with temporary_home() as folder:
            data = Interactions(folder, DAYS, size)
            data.write()
            in_own_process(load, data)
            rows += measured(data)
    write_report("by_day", rows, json)


if __name__ == "__main__":
    typer.run(main)
