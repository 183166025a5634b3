"""What the dashboard draws: its queries on the marts, and how their frames are read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from footfall.duck.query import OnlySparkError, answer
from footfall.errors import FootfallError
from footfall.project.contracts import load_contracts
from footfall.project.tables import READS_AT_A_TIME
from footfall.project.turns import last_turn
from footfall.settings import Settings
from footfall.spark.explain import explain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Frames = Mapping[str, pd.DataFrame]
Number = int | float | None

TOP_PRODUCTS = 20
SESSION_DAYS = 28

_one_at_a_time = threading.Lock()


class Mart(NamedTuple):
    """Where a frame comes from: a table, and perhaps another one of its layer beside it.

    What `shaped` makes of the answer would take functions of SQL that DuckDB has otherwise.
    """

    layer: str
    table: str
    query: str
    joined: str | None = None
    shaped: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def _durations_of_last_days(rows: pd.DataFrame) -> pd.DataFrame:
    since = rows["event_date"].max() - timedelta(days=SESSION_DAYS)
    buckets = rows[rows["event_date"] > since].groupby(
        ["duration_bucket", "above_seconds", "up_to_seconds"], as_index=False, dropna=False
    )
    sums: pd.DataFrame = buckets.agg(
        last_date=("event_date", "max"), session_count=("session_count", "sum")
    )
    return sums.sort_values("above_seconds", na_position="first", ignore_index=True)


def _by_reason(rows: pd.DataFrame) -> pd.DataFrame:
    reasons = rows.explode("reject_reasons").rename(columns={"reject_reasons": "reason"})
    sums = reasons.groupby(["source", "reason"], as_index=False)[["row_count"]].sum()
    return sums.sort_values(
        ["row_count", "source", "reason"], ascending=[False, True, True], ignore_index=True
    )


def _by_day_of_arrival(loads: pd.DataFrame) -> pd.DataFrame:
    pauses = loads.groupby("source")["arrived_at"].diff().dt.total_seconds() / 3600
    days = loads.assign(pause_hours=pauses).groupby(["arrived_on", "source"], as_index=False)
    figures = ["rows_in", "duplicates", "quarantined"]
    largest = days[["pause_hours"]].max()
    joined: pd.DataFrame = largest.merge(
        days[figures].sum(min_count=1), on=["arrived_on", "source"]
    )
    return joined


MARTS = {
    "active_users": Mart(
        "gold",
        "fct_active_users_daily",
        """
        select metric_date, dau, wau, mau_28, stickiness
        from {table}
        where definition = 'basic' and segment_type = 'all'
        order by metric_date
        """,
    ),
    "active_users_by_segment": Mart(
        "gold",
        "fct_active_users_daily",
        """
        select segment_type, segment_value, metric_date, dau, wau, mau_28, stickiness
        from {table}
        where definition = 'basic' and segment_type <> 'all'
        order by segment_type, segment_value, metric_date
        """,
    ),
    "active_users_by_definition": Mart(
        "gold",
        "fct_active_users_daily",
        """
        select definition, metric_date, dau, wau, mau_28, mau_30, mau_calendar, stickiness
        from {table}
        where segment_type = 'all'
        order by definition, metric_date
        """,
    ),
    "active_days": Mart(
        "gold",
        "fct_active_days_histogram",
        """
        select bars.metric_date, bars.definition, bars.active_days, bars.user_count
        from {table} as bars
        inner join (select max(metric_date) as metric_date from {table}) as newest
            on bars.metric_date = newest.metric_date
        order by bars.definition, bars.active_days
        """,
    ),
    "growth": Mart(
        "gold",
        "fct_growth_accounting",
        """
        select
            definition,
            period_start,
            active_users,
            new_users,
            retained_users,
            resurrected_users,
            churned_users,
            is_complete
        from {table}
        where period_type = 'week'
        order by definition, period_start
        """,
    ),
    "retention": Mart(
        "gold",
        "fct_retention_cohorts",
        """
        select
            definition,
            cohort_start,
            period_number,
            cohort_size,
            bounded_users,
            rolling_users,
            bounded_retention,
            rolling_retention,
            is_complete
        from {table}
        where period_type = 'week'
        order by definition, cohort_start, period_number
        """,
    ),
    "session_metrics": Mart(
        "gold",
        "fct_session_metrics_daily",
        """
        select event_date, session_count, median_duration_seconds, p95_duration_seconds
        from {table}
        where outlier_policy = 'flag' and segment_type = 'all'
        order by event_date
        """,
    ),
    "outlier_policies": Mart(
        "gold",
        "fct_session_metrics_daily",
        """
        select
            event_date,
            outlier_policy,
            session_count,
            outlier_count,
            avg_duration_seconds,
            p95_duration_seconds
        from {table}
        where segment_type = 'all'
        order by event_date, outlier_policy
        """,
    ),
    "session_durations": Mart(
        "gold",
        "fct_session_duration_daily",
        """
        select event_date, duration_bucket, above_seconds, up_to_seconds, session_count
        from {table}
        """,
        shaped=_durations_of_last_days,
    ),
    "top_products": Mart(
        "gold",
        "fct_product_daily",
        """
        with products as (
            select
                product_id,
                sum(view_count) as view_count,
                sum(click_count) as click_count,
                sum(purchase_count) as purchase_count,
                sum(view_count + click_count + purchase_count) as interaction_count
            from {table}
            group by product_id
        ),
        totals as (
            select
                count(distinct product_id) as product_count,
                sum(view_count + click_count + purchase_count) as interaction_count
            from {table}
        )
        select
            products.product_id,
            products.view_count,
            products.click_count,
            products.purchase_count,
            totals.product_count,
            totals.interaction_count
        from products
        cross join totals
        order by products.interaction_count desc, products.product_id
        limit {top_products}
        """,
    ),
    "reconciliation": Mart(
        "quality",
        "dq_load_reconciliation",
        """
        select
            source,
            max(load_id) as load_id,
            sum(rows_in) as rows_in,
            sum(accepted) as accepted,
            sum(duplicates) as duplicates,
            sum(quarantined) as quarantined
        from {table}
        group by source
        order by source
        """,
    ),
    "quarantine_reasons": Mart(
        "quality",
        "dq_quarantine",
        """
        select source, reject_reasons, count(*) as row_count
        from {table}
        group by source, reject_reasons
        """,
        shaped=_by_reason,
    ),
    "arrivals": Mart(
        "quality",
        "dq_load_reconciliation",
        """
        with loads as (
            select source, load_id, min(recorded_at) as arrived_at
            from {joined}
            where status = 'loaded'
            group by source, load_id
        )
        select
            loads.source,
            loads.arrived_at,
            date(loads.arrived_at) as arrived_on,
            reconciled.rows_in,
            reconciled.duplicates,
            reconciled.quarantined
        from loads
        left join {table} as reconciled
            on loads.source = reconciled.source and loads.load_id = reconciled.load_id
        order by loads.source, loads.arrived_at
        """,
        "dq_ingested_files",
        _by_day_of_arrival,
    ),
    "builds": Mart(
        "quality",
        "dq_run_results",
        """
        select
            date(run_started_at) as run_on,
            count(distinct invocation_id) as runs,
            count_if(status in ('error', 'fail', 'runtime error')) as failed,
            count_if(status = 'warn') as warned
        from {table}
        group by run_on
        order by run_on
        """,
    ),
}
"""By frame."""

DAY_COLUMNS = {"active_users": "metric_date", "session_metrics": "event_date"}
"""The day of each frame that is a time series."""


# ---------------------------------------------------------------- reading


def read_frames(spark: SparkSession, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return what the dashboard draws; tables that do not exist are left out.

    Raises:
        FootfallError: a table lacks a column that the dashboard needs.
    """

    def read(mart: Mart) -> pd.DataFrame | None:
        schema = settings.schema_of(mart.layer)
        table, joined = f"{schema}.{mart.table}", f"{schema}.{mart.joined or mart.table}"
        if not all(spark.catalog.tableExists(needed) for needed in {table, joined}):
            return None
        rows = _read_mart(spark, settings, table, mart.query.replace("{joined}", joined))
        return mart.shaped(rows) if mart.shaped and not rows.empty else rows

    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        loads = pool.submit(_read_loads, spark, settings)
        read_marts = dict(zip(MARTS, pool.map(read, MARTS.values()), strict=True))
    frames = {name: frame for name, frame in read_marts.items() if frame is not None}
    frames["loads"] = loads.result()
    if turn := last_turn(settings.home):
        frames["turn"] = pd.DataFrame({"lag_seconds": [turn.lag_seconds]})
    return frames


def _read_mart(spark: SparkSession, settings: Settings, table: str, query: str) -> pd.DataFrame:
    from pyspark.errors import AnalysisException

    sql = query.format(table=table, top_products=TOP_PRODUCTS)
    try:
        return _ask(spark, settings, sql)
    except AnalysisException as error:
        raise FootfallError(
            f"{table} cannot be read: {explain(error, table).message}",
            f"Rebuild it with `dbt build --full-refresh --select {table.rpartition('.')[2]}`.",
        ) from error


def _read_loads(spark: SparkSession, settings: Settings) -> pd.DataFrame:
    """Return the newest load of each bronze table: source, load_id, loaded_at."""
    tables = {
        contract.name: table
        for contract in load_contracts(settings.package_dir).values()
        if spark.catalog.tableExists(table := contract.bronze_table(settings))
    }
    newest = [
        f"select '{source}' as source, max(_load_id) as load_id from {table}"
        for source, table in tables.items()
    ]
    found = _ask(spark, settings, " union all ".join(newest)).dropna() if newest else None
    # The load is a literal, so that Delta skips the files of all other loads.
    times = [
        f"select '{source}' as source, {int(load_id)} as load_id, max(_ingested_at) as loaded_at "
        f"from {tables[source]} where _load_id = {int(load_id)}"
        for source, load_id in (() if found is None else found.itertuples(index=False))
    ]
    if not times:
        return pd.DataFrame(columns=["source", "load_id", "loaded_at"])
    return _ask(spark, settings, " union all ".join(times))


def _ask(spark: SparkSession, settings: Settings, sql: str) -> pd.DataFrame:
    """Return the answer to a query: DuckDB's, which takes less time, where it is surely Spark's."""
    try:
        # DuckDB takes all cores for one query; several beside each other take longer.
        with _one_at_a_time:
            columns, rows = answer(sql, settings)
    except OnlySparkError:
        return spark.sql(sql).toPandas()
    return pd.DataFrame(rows, columns=columns)


# ---------------------------------------------------------------- values


def filled(frames: Frames, name: str) -> pd.DataFrame | None:
    """Return a frame that has rows, or None."""
    frame = frames.get(name)
    return None if frame is None or frame.empty else frame


def split(frame: pd.DataFrame, column: str, order: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return the rows of each value of a column: those of the order first, any others by name."""
    rows = {str(value): group for value, group in frame.groupby(column)}
    known = [value for value in order if value in rows]
    return {value: rows[value] for value in [*known, *sorted(rows.keys() - known)]}


def dates(frame: pd.DataFrame, column: str) -> list[date]:
    return [pd.Timestamp(value).date() for value in frame[column]]


def on_day(frame: pd.DataFrame, column: str, day: date) -> pd.DataFrame:
    """Return the rows of a day."""
    return frame[[own_day == day for own_day in dates(frame, column)]]


def numbers(values: pd.Series[Any]) -> list[Number]:
    """Return plain numbers, None for nulls, whole numbers as int."""
    return [
        None if pd.isna(number) else int(number) if number == int(number) else float(number)
        for number in pd.to_numeric(values).tolist()
    ]


def counts(values: pd.Series[Any]) -> list[int]:
    """Return whole numbers, 0 for nulls."""
    return [int(number or 0) for number in numbers(values)]


def by_day(frames: Frames, name: str, column: str) -> dict[date, Number]:
    """Return a column of a time series; a frame with no rows has no days."""
    frame = filled(frames, name)
    if frame is None:
        return {}
    return dict(zip(dates(frame, DAY_COLUMNS[name]), numbers(frame[column]), strict=True))


def all_days(frames: Frames) -> list[date]:
    """Return the sorted days that the time series have."""
    return sorted(
        {
            day
            for name, column in DAY_COLUMNS.items()
            if (frame := filled(frames, name)) is not None
            for day in dates(frame, column)
        }
    )
