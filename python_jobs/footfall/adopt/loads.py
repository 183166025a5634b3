"""What tells the load of a row of an adopted table: row tracking, or a column.

With row tracking, each commit is a load. With an arrival column, a load is the rows of an hour of
arrival, or of a number; each build notes the newest value that it saw (``macros/adopted``), so that
what arrives later in the same hour is a load of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pyspark.sql.types import DateType, IntegralType, TimestampNTZType, TimestampType

from footfall.errors import FootfallError, UsageError
from footfall.ingest.read import ERRORS, SELECTED
from footfall.spark.sql_text import quoted_name
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOAD, ROW, ARRIVAL = "_load_id", "_row_id", "_arrival"
MICROSECONDS_PER_HOUR = 3_600_000_000
NUMBERS_PER_SPAN = 1_000
"""Loads that an hour, or a number, has room for: a build within begins a new one."""
MOST_LOADS = 100_000


class RowTracking:
    """The commit that last wrote a row tells its load; the table has row tracking.

    Attributes:
        written_by: what wrote a row, for the name of its source.
        beside: what the table's rows are read with, by name.
        seen: columns of the loads that builds have seen, and what they are grouped by.
        is_of_load: which of them a row belongs to.
    """

    written_by = "_metadata.row_commit_version"
    beside: ClassVar = {
        LOAD: "cast(_metadata.row_commit_version + 1 as bigint)",
        ROW: "_metadata.row_id",
    }
    seen, grouped = "load_id, committed_at", ""
    is_of_load = f"found.{LOAD} = commits.load_id"

    def columns(self, _contract: Sequence[str], committed_at: str) -> dict[str, str]:
        """Return load, time of arrival and id of a row, by name."""
        return {LOAD: f"found.{LOAD}", "_ingested_at": committed_at, ROW: f"found.{ROW}"}

    def require_usable(self, spark: SparkSession, rows: str) -> None:
        """Do nothing: each row has a commit."""


@dataclass(frozen=True)
class ArrivalColumn:
    """A column that says when a row arrived, and with it the row's load.

    Attributes:
        column: its name.
        is_time: whether it holds times or dates, not whole numbers.
    """

    column: str
    is_time: bool

    @property
    def written_by(self) -> str:
        return quoted_name(self.column)

    @property
    def beside(self) -> dict[str, str]:
        name = quoted_name(self.column)
        as_number = f"unix_micros(cast({name} as timestamp))" if self.is_time else f"bigint({name})"
        return {ARRIVAL: as_number}

    @property
    def span(self) -> int:
        """How many of the column's numbers are one load, where no build lies between."""
        return MICROSECONDS_PER_HOUR if self.is_time else 1

    seen: ClassVar = (
        f"load_id div {NUMBERS_PER_SPAN} as span, min(committed_at) as committed_at, "
        "collect_list(arrived_to) as arrived_to"
    )
    grouped: ClassVar = " group by 1"

    @property
    def is_of_load(self) -> str:
        return f"found.{ARRIVAL} div {self.span} = commits.span"

    def columns(self, contract: Sequence[str], committed_at: str) -> dict[str, str]:
        """Return load, time of arrival and id of a row, by name, and the arrival as a number.

        A row is told by its values: rows with the same say the same.
        """
        before = f"filter(commits.arrived_to, seen -> seen < found.{ARRIVAL})"
        # A hash passes over nulls.
        values = (f"found.{name}, found.{name} is null" for name in [*contract, ERRORS])
        return {
            LOAD: f"found.{ARRIVAL} div {self.span} * {NUMBERS_PER_SPAN}"
            f" + coalesce(array_size({before}), 0)",
            "_ingested_at": f"timestamp_micros(found.{ARRIVAL})" if self.is_time else committed_at,
            ROW: f"xxhash64({', '.join(values)})",
            ARRIVAL: f"found.{ARRIVAL}",
        }

    def require_usable(self, spark: SparkSession, rows: str) -> None:
        """Refuse a column that does not say of each row when it arrived.

        Args:
            spark: with what reading needs set.
            rows: the SELECT of the rows.

        Raises:
            FootfallError: rows have no value, or one before 1970 or below 1; or the values are too
                many to be loads.
        """
        found: Any = spark.sql(
            f"select count_if({ARRIVAL} is null or {ARRIVAL} < {self.span}), "
            f"approx_count_distinct({ARRIVAL} div {self.span}) from ({rows}) where {SELECTED}"
        ).first()
        without, loads = found
        if without:
            raise FootfallError(
                f"{count(without, 'row')} {'has' if without == 1 else 'have'} no value in "
                f"{self.column!r} that can be an arrival.",
                "Fill the column in all rows, name another one, or use --enable-row-tracking.",
            )
        if loads > MOST_LOADS:
            raise FootfallError(
                f"{self.column!r} has about {loads:,} values, and each would be a load.",
                "Name a column with times or dates, or with the number of a batch.",
            )


Loads = RowTracking | ArrivalColumn


def arrival_column(spark: SparkSession, table: str, column: str) -> ArrivalColumn:
    """Return a table's arrival column.

    Args:
        spark: the session.
        table: as it stands in SQL.
        column: its name.

    Raises:
        UsageError: it has no such column, or one that is neither a time nor a whole number.
        AnalysisException: there is no such table.
    """
    fitting = (DateType, TimestampType, TimestampNTZType, IntegralType)
    kinds = {field.name: field.dataType for field in spark.table(table).schema.fields}
    if not isinstance(kinds.get(column), fitting):
        known = [name for name, kind in kinds.items() if isinstance(kind, fitting)]
        raise UsageError(
            f"{table.replace('`', '')} has no column {column!r} of times, dates or whole numbers.",
            f"It has {', '.join(known)}." if known else "Use --enable-row-tracking.",
        )
    return ArrivalColumn(column, not isinstance(kinds[column], IntegralType))
