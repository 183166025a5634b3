"""A run of a model whose days are independent."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import duckdb
import structlog

from footfall.by_day.commit import Configured, Replacement
from footfall.by_day.compute import (
    Day,
    Resources,
    Whole,
    compute_day,
    compute_whole,
    connected,
    require_understood,
)
from footfall.by_day.inputs import (
    ByDay,
    Inputs,
    NotComputable,
    find_inputs,
    folder_of,
    require_plain,
)
from footfall.by_day.translate import NotTranslatable, Translated, duckdb_type, translate
from footfall.errors import FootfallError, UsageError, first_line
from footfall.settings import Settings, usable_memory_gib
from footfall.spark.catalog import describe
from footfall.spark.conflicts import retry_conflicts
from footfall.spark.delta_log import read_delta_table
from footfall.spark.sql_text import quoted_name

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

SHARE_OF_MEMORY = 0.25
BY_SETTING = "FOOTFALL_DAY_ENGINE is spark"
log = structlog.get_logger(__name__)
_one_at_a_time = threading.Lock()
"""dbt builds several models beside each other: each would take its share of the machine."""


@dataclass(frozen=True)
class DayStep:
    """The days that a run of a model replaces.

    Args:
        settings: cores, memory and where spilled rows go.
        session: Spark's.
        model: its name, for messages.
        sql: the model's query, as dbt compiled it.
        partition_column: of the model's table, and of its inputs where days are independent; None
            where the table is computed at once and has no partitions.
        dates: the days, ``YYYY-MM-DD``; None for all.
        at_once: whether one query computes the whole table: its days are not those of its inputs.
            Hashes in such a query are compared, and never kept.
        by_day: models that a day reads by day, whichever the column of their partitions; it then
            reads inputs with other partitions whole.
    """

    settings: Settings
    session: SparkSession
    model: str
    sql: str
    partition_column: str | None
    dates: Sequence[str] | None
    at_once: bool = False
    by_day: frozenset[str] = frozenset()

    @cached_property
    def _query(self) -> Translated:
        return translate(self.sql, hashes_are_compared=self.at_once)

    @property
    def _day_column(self) -> str:
        """The column of days, where they are independent.

        Raises:
            NotComputable: the table has no partitions.
        """
        if self.partition_column is None:
            raise NotComputable(f"{self.model} has no partitions")
        return self.partition_column

    def _inputs(self) -> Inputs:
        by_day = None if self.at_once else ByDay(self._day_column, self.by_day)
        return find_inputs(self.session, self._query, by_day)

    def obstacle(self, table: str | None) -> str | None:
        """Return why Spark has to compute this run; None where DuckDB does.

        Args:
            table: the model's, ``schema.name``; None where it does not exist.

        Raises:
            UsageError: FOOTFALL_DAY_ENGINE demands DuckDB, and it cannot.
        """
        if self.settings.day_engine == "spark":
            return BY_SETTING
        try:
            if elsewhere := leaves_days_to_spark(self.settings, self.session):
                raise NotComputable(elsewhere)
            if self._query.matches_patterns:
                raise NotTranslatable("regular expressions have another dialect in DuckDB")
            inputs = self._inputs()
            if nested := self._query.ordered_by & inputs.nested_columns():
                raise NotComputable(f"DuckDB orders {', '.join(sorted(nested))} in another way")
            require_understood(self._query.sql, inputs)
            if table:
                self._require_writable(table)
        except (NotComputable, NotTranslatable, duckdb.Error) as error:
            reason = first_line(error)
            if self.settings.day_engine == "duckdb":
                raise UsageError(
                    f"DuckDB cannot compute {self.model}: {reason}.",
                    "Set FOOTFALL_DAY_ENGINE=auto, and Spark computes such models.",
                ) from error
            return reason
        return None

    def _require_writable(self, table: str) -> None:
        written = read_delta_table(folder_of(describe(self.session, table)))
        if written is None:
            raise NotComputable(f"Delta's log of {table} takes Spark to read")
        require_plain(table, written)
        wanted = [self.partition_column] if self.partition_column else []
        if written.partition_columns != wanted:
            raise NotComputable(f"{table} is not partitioned by {', '.join(wanted) or 'nothing'}")
        if _has_constraints(written.schema) or any(
            name.startswith("delta.constraints.") for name in written.properties
        ):
            raise NotComputable(f"{table} has constraints, which Spark checks")

    def fits(self, table: str) -> bool:
        """Return whether a table has just the columns of the query."""
        columns = [
            [(field.name, field.dataType.simpleString()) for field in rows.schema]
            for rows in (self.session.table(table), self.session.sql(self.sql))
        ]
        return columns[0] == columns[1]

    def columns(self, query: str) -> str:
        """Return the columns of a query as ``create table`` takes them.

        Args:
            query: SQL of Spark's: the model's, perhaps with its columns in another order.
        """
        return ", ".join(
            f"{quoted_name(field.name)} {field.dataType.simpleString()}"
            for field in self.session.sql(query).schema
        )

    def run(
        self,
        table: str,
        predicate: str,
        state: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> bool:
        """Replace the days in one commit.

        Args:
            table: ``schema.name``, which exists.
            predicate: SQL: the rows that give way, those of whole partitions.
            state: properties that the table gets, such as the loads that it reflects.
            properties: all others that it has from now on; None leaves them.

        Returns:
            Whether it did. A table that is computed at once reads what others delivered, such as
            a text that is no UTF-8: where DuckDB fails on it, Spark may go on.

        Raises:
            FootfallError: a query failed, or other writers were faster FOOTFALL_CONFLICT_RETRIES
                times.
        """

        def configured(before: Mapping[str, str]) -> dict[str, str]:
            return {**(before if properties is None else properties), **(state or {})}

        try:
            retry_conflicts(lambda: self._replace(table, predicate, configured), table)
        except duckdb.Error as error:
            if self.at_once and self.settings.day_engine == "auto":
                log.debug("left_to_spark", model=self.model, reason=first_line(error))
                return False
            raise FootfallError(
                f"DuckDB could not compute {self.model}: {first_line(error)}.",
                "Correct the model or its inputs; FOOTFALL_DAY_ENGINE=spark has Spark compute it.",
            ) from error
        return True

    def _replace(self, table: str, predicate: str, configured: Configured) -> None:
        described = describe(self.session, table)
        # Begun before the inputs are read: who read newer rows and commits first makes a conflict.
        replacement = Replacement(self.session, described, predicate)
        inputs = self._inputs()
        types = {
            field.name: duckdb_type(field.dataType.simpleString())
            for field in self.session.table(table).schema
        }
        with _one_at_a_time:
            files = self._compute(inputs, types, folder_of(described))
        replacement.commit(files, configured)

    def _compute(
        self, inputs: Inputs, types: Mapping[str, str], folder: Path
    ) -> list[dict[str, Any]]:
        query = self._query.sql
        if self.at_once:
            task = Whole(query, inputs, self.partition_column, types, folder)
            with connected(self._resources(1)) as connection:
                return compute_whole(task, connection)
        column = self._day_column
        days = inputs.days() if self.dates is None else inputs.days() & {*self.dates}
        tasks = [Day(day, query, inputs, column, types, folder) for day in sorted(days)]
        at_a_time = max(1, min(len(tasks), self.settings.cores))
        resources = self._resources(at_a_time)
        with ExitStack() as opened:
            free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
            for _ in range(at_a_time):
                free.put(opened.enter_context(connected(resources)))

            def compute(task: Day) -> dict[str, Any] | None:
                connection = free.get()
                try:
                    return compute_day(task, connection)
                finally:
                    free.put(connection)

            pool = opened.enter_context(ThreadPoolExecutor(at_a_time))
            return [file for file in pool.map(compute, tasks) if file]

    def _resources(self, at_a_time: int) -> Resources:
        return Resources(
            threads=max(1, self.settings.cores // at_a_time),
            memory_mib=max(64, int(usable_memory_gib() * SHARE_OF_MEMORY * 1024 / at_a_time)),
            spill_folder=self.settings.home / "tmp" / "duckdb",
        )


def leaves_days_to_spark(settings: Settings, session: SparkSession) -> str | None:
    """Return why Spark computes all models, also those whose days are independent; None if not.

    Args:
        settings: who computes days, where Spark's tasks run and where tables are.
        session: Spark's.
    """
    if settings.day_engine == "spark":
        return BY_SETTING
    if settings.uses_cluster or not hasattr(session, "_jsparkSession"):
        return "Spark's tasks run in other processes"
    if not settings.tables_are_local:
        return "the tables lie in an object store"
    return None


def _has_constraints(schema: StructType) -> bool:
    return any(
        not field.nullable or any(key.startswith("delta.") for key in field.metadata)
        for field in schema
    )
