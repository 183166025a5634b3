"""The newest dates of a table against those before, recorded in ``dq_feature_drift``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timezone
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall.drift.distance import Test, compare
from footfall.errors import FootfallError, UsageError
from footfall.project.records import FEATURE_DRIFT, record_table
from footfall.settings import Settings
from footfall.spark.sql_text import quoted_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructField

DATE_COLUMNS = ("event_date", "as_of_date", "metric_date", "dt")
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
CATEGORIES = ("string", "boolean")
IDS = ("_id", "_key")
MOST_ROWS = 100_000
MOST_CATEGORIES = 100
SEED = 1


class Thresholds(BaseModel):
    """From when on a column has drifted: where both are passed.

    The index alone swings in small samples; in large ones every test finds a difference that
    matters to nobody.

    Attributes:
        psi: the population stability index is at least so large.
        p_value: the test's p-value is at most so large, divided by the number of columns.
    """

    psi: float = 0.2
    p_value: float = 0.01


class Window(BaseModel):
    """Some of a table's dates, and their rows."""

    dates: list[date]
    rows: int


class ColumnDrift(BaseModel):
    """What became of a column."""

    column_name: str
    kind: str
    psi: float
    test: Test
    statistic: float
    p_value: float
    is_drifted: bool


class DriftReport(BaseModel):
    """What :func:`find_drift` found.

    Attributes:
        run_id: key of the rows in ``dq_feature_drift``.
        passed_over: columns that were not compared, with the reason.
        p_threshold: what a p-value is held against, by the number of columns.
    """

    run_id: str
    checked_at: datetime
    table: str
    reference: Window
    current: Window
    psi_threshold: float
    p_threshold: float
    columns: list[ColumnDrift]
    passed_over: dict[str, str]

    @property
    def drifted(self) -> list[ColumnDrift]:
        return [column for column in self.columns if column.is_drifted]


def find_drift(
    spark: SparkSession,
    settings: Settings,
    table: str,
    *,
    columns: Sequence[str] = (),
    date_column: str | None = None,
    until: date | None = None,
    days: int = 7,
    reference_days: int = 28,
    thresholds: Thresholds | None = None,
) -> DriftReport:
    """Compare a table's newest dates with those before, and record the result.

    Args:
        spark: the session.
        settings: names the schema of the record.
        table: as ``schema.table``, or the name of a mart.
        columns: those to compare; by default all numbers, texts and booleans that are no ids.
        date_column: by default the first of :data:`DATE_COLUMNS` that the table has.
        until: the last date of the current window; by default the table's newest.
        days: the current window, in dates that the table has.
        reference_days: the reference window, in dates before those.
        thresholds: from when on a column has drifted.

    Raises:
        UsageError: there is no such table or column.
        FootfallError: SciPy is not installed, or the table has too few dates.
    """
    if find_spec("scipy") is None:
        raise FootfallError(
            "footfall drift needs SciPy, which is not installed.",
            "Install it: .venv/bin/pip install -e '.[drift]'",
        )
    limits = thresholds or Thresholds()
    name = table if "." in table else f"{settings.schema_of('gold')}.{table}"
    if not spark.catalog.tableExists(name):
        raise UsageError(f"There is no table {name}.", "`footfall status` lists the tables.")
    frame = spark.table(name)
    day = _date_column(frame, name, date_column)
    reference, current = _windows(frame, day, name, until, days, reference_days)
    chosen, passed_over = _columns(frame, name, columns, day)
    before, now = (_values(frame, day, window, list(chosen)) for window in (reference, current))
    compared = []
    for column, kind in chosen.items():
        if kind == "category" and len(set(before[column]) | set(now[column])) > MOST_CATEGORIES:
            passed_over[column] = f"more than {MOST_CATEGORIES} values"
        else:
            compared.append((column, kind))
    p_threshold = limits.p_value / max(1, len(compared))
    found = []
    for column, kind in compared:
        distance = compare(before[column], now[column], numeric=kind == "number")
        found.append(
            ColumnDrift(
                column_name=column,
                kind=kind,
                is_drifted=distance.psi >= limits.psi and distance.p_value <= p_threshold,
                **distance._asdict(),
            )
        )
    report = DriftReport(
        run_id=uuid.uuid4().hex,
        checked_at=datetime.now(timezone.utc),
        table=name,
        reference=reference,
        current=current,
        psi_threshold=limits.psi,
        p_threshold=p_threshold,
        columns=found,
        passed_over=passed_over,
    )
    _record(spark, settings, report)
    return report


def _date_column(frame: DataFrame, table: str, named: str | None) -> str:
    dates = [field.name for field in frame.schema if field.dataType.simpleString() == "date"]
    if named is not None and named not in dates:
        raise UsageError(
            f"{table} has no column {named} of dates.", f"Name one of: {', '.join(dates)}."
        )
    usual = [name for name in DATE_COLUMNS if name in dates]
    if not (named or usual):
        raise UsageError(
            f"{table} has none of the columns {', '.join(DATE_COLUMNS)}.",
            "Name its column of dates by --date-column.",
        )
    return named or usual[0]


def _windows(
    frame: DataFrame, day: str, table: str, until: date | None, days: int, reference_days: int
) -> tuple[Window, Window]:
    dated = frame.where(F.col(day).isNotNull())
    if until is not None:
        dated = dated.where(F.col(day) <= F.lit(until))
    newest = dated.groupBy(day).count().orderBy(F.desc(day)).limit(days + reference_days).collect()
    found = [
        Window(dates=sorted(row[0] for row in rows), rows=sum(row[1] for row in rows))
        for rows in (newest[days:], newest[:days])
    ]
    if not newest[days:]:
        raise FootfallError(
            f"{table} has {len(newest)} dates: the current window takes {days} of them, and none "
            "is left to compare them with.",
            "Take fewer: --days 1",
        )
    return found[0], found[1]


def _columns(
    frame: DataFrame, table: str, named: Sequence[str], day: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the kind of each column to compare, and why the others are passed over."""
    fields = {field.name: field for field in frame.schema}
    if unknown := [name for name in named if name not in fields]:
        raise UsageError(
            f"{table} has no column {unknown[0]}.", f"Name one of: {', '.join(fields)}."
        )
    chosen, passed_over = {}, {}
    for name, field in fields.items():
        if name == day or (named and name not in named):
            continue
        kind = _kind(field)
        if kind is None:
            passed_over[name] = f"type {field.dataType.simpleString()}"
        elif name.endswith(IDS) and name not in named:
            passed_over[name] = "an id"
        else:
            chosen[name] = kind
    return chosen, passed_over


def _kind(field: StructField) -> str | None:
    data_type = field.dataType.simpleString().split("(")[0]
    kinds = dict.fromkeys(NUMBERS, "number") | dict.fromkeys(CATEGORIES, "category")
    return kinds.get(data_type)


def _values(
    frame: DataFrame, day: str, window: Window, columns: Sequence[str]
) -> dict[str, list[Any]]:
    """Return the columns' values on a window's dates, of a random sample where there are many."""
    rows = frame.where(F.col(day).isin(window.dates)).select(*map(quoted_name, columns))
    if window.rows > MOST_ROWS:
        rows = rows.sample(MOST_ROWS / window.rows, SEED)
    values: dict[str, list[Any]] = rows.toArrow().to_pydict()
    return values


def _record(spark: SparkSession, settings: Settings, report: DriftReport) -> None:
    declared = record_table(FEATURE_DRIFT)
    declared.create(spark, settings)
    rows = [
        {
            "run_id": report.run_id,
            "checked_at": report.checked_at,
            "table_name": report.table,
            "reference_start": report.reference.dates[0],
            "reference_end": report.reference.dates[-1],
            "reference_rows": report.reference.rows,
            "current_start": report.current.dates[0],
            "current_end": report.current.dates[-1],
            "current_rows": report.current.rows,
            "psi_threshold": report.psi_threshold,
            "p_threshold": report.p_threshold,
            **column.model_dump(),
        }
        for column in report.columns
    ]
    declared.append(spark, settings, rows)
