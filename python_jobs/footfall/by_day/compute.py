"""One day of a model, or all of it at once, computed by DuckDB."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from footfall.by_day.files import (
    COMPRESSION,
    Written,
    added,
    cast_for_parquet,
    in_files,
    write_file,
)
from footfall.by_day.inputs import Input, Inputs
from footfall.by_day.translate import SPARK_FUNCTIONS
from footfall.duckdb_sql import OFFLINE, literal, quoted

NO_DAY = "0001-01-01"
MOST_OPEN_FILES = 1000
"""Of a write by partitions: where there are more, some of them get several files."""


@dataclass(frozen=True)
class Day:
    """What a task is told.

    Attributes:
        day: the partition's value, ``YYYY-MM-DD``.
        query: in DuckDB's dialect.
        inputs: what it reads.
        partition_column: of the inputs and of the table.
        types: DuckDB's types of the table's columns, in their order.
        folder: the table's.
    """

    day: str
    query: str
    inputs: Inputs
    partition_column: str
    types: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class Whole:
    """A table to compute at once.

    Attributes:
        query: in DuckDB's dialect.
        inputs: what it reads, each table whole.
        partition_column: of the table; None where it has no partitions.
        types: DuckDB's types of its columns, in their order.
        folder: the table's.
    """

    query: str
    inputs: Inputs
    partition_column: str | None
    types: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class Resources:
    """What one task may take.

    Attributes:
        threads: of the processor.
        memory_mib: DuckDB spills what needs more.
        spill_folder: where it does.
    """

    threads: int
    memory_mib: int
    spill_folder: Path


def compute_day(task: Day, connection: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """Compute a day and write it as one Parquet file.

    Args:
        task: the day.
        connection: see :func:`connected`.

    Returns:
        The file as an ``add`` action of Delta's log; None where the day has no rows.

    Raises:
        duckdb.Error: the query failed; among others where a row is of another day.
    """
    _create_views(connection, task.inputs, task.day)
    day, column = literal(task.day), quoted(task.partition_column)
    query = f"""
        select * from ({task.query})
        where case when {column} = date {day} then true else error(
            'a row of ' || coalesce({column}::text, 'no day') || ' among those of ' || {day}
        ) end
    """
    path = Path(f"{task.partition_column}={task.day}", f"part-{uuid.uuid4()}.{COMPRESSION}.parquet")
    file = task.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = in_files(task.types, task.partition_column)
    written = write_file(
        connection, f"select {cast_for_parquet(columns)} from ({query})", file, columns
    )
    if not written.rows:
        file.unlink()
        return None
    return added(path, task.folder, {task.partition_column: task.day}, written, columns)


def compute_whole(task: Whole, connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Compute a table and write it as a Parquet file for each partition and thread, or as one.

    Args:
        task: the table.
        connection: see :func:`connected`.

    Returns:
        The files as ``add`` actions of Delta's log.

    Raises:
        duckdb.Error: the query failed; among others where a row has no partition.
    """
    _create_views(connection, task.inputs, NO_DAY)
    columns = in_files(task.types, task.partition_column)
    if task.partition_column is None:
        path = Path(f"part-{uuid.uuid4()}.{COMPRESSION}.parquet")
        query = f"select {cast_for_parquet(columns)} from ({task.query})"
        written = write_file(connection, query, task.folder / path, columns)
        if not written.rows:
            (task.folder / path).unlink()
            return []
        return [added(path, task.folder, {}, written, columns)]
    column = quoted(task.partition_column)
    copied = connection.execute(
        f"""
        copy (
            select {cast_for_parquet(task.types)} from ({task.query})
            where case when {column} is null then error('a row without {column}') else true end
        ) to {literal(str(task.folder))} (
            format parquet, compression {COMPRESSION}, return_stats, partition_by ({column}),
            filename_pattern 'part-{{uuid}}.{COMPRESSION}', overwrite_or_ignore
        )
        """
    ).fetchall()
    return [
        added(Path(file).relative_to(task.folder), task.folder, keys, Written(rows, stats), columns)
        for file, rows, _, _, stats, keys in copied
    ]


def require_understood(query: str, inputs: Inputs) -> None:
    """Have DuckDB plan a query, on a day without rows.

    Raises:
        duckdb.Error: it knows no function or type that the query uses, or finds it ambiguous.
    """
    with connected() as connection:
        _create_views(connection, inputs, NO_DAY)
        connection.execute(f"explain {query}")


@contextmanager
def connected(resources: Resources | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB of its own, which knows Spark's functions.

    Args:
        resources: what its queries may take; None where they read no rows.
    """
    config = _config(resources) if resources else {}
    with duckdb.connect(config={**OFFLINE, **config}) as connection:
        connection.execute("set timezone = 'UTC'")
        # DuckDB draws one where Python is started as an interpreter.
        connection.execute("set enable_progress_bar = false")
        for statement in SPARK_FUNCTIONS:
            connection.execute(statement)
        yield connection


def _create_views(connection: duckdb.DuckDBPyConnection, inputs: Inputs, day: str) -> None:
    for name in (*inputs.tables, *inputs.views):
        connection.execute(f"create schema if not exists {quoted(name.split('.')[0])}")
    for name, table in inputs.tables.items():
        connection.execute(f"create or replace view {_relation(name)} as {_rows_of(table, day)}")
    for name, query in inputs.views.items():
        connection.execute(f"create or replace view {_relation(name)} as {query}")


def _config(resources: Resources) -> dict[str, str]:
    return {
        "threads": str(resources.threads),
        "memory_limit": f"{resources.memory_mib}MiB",
        "temp_directory": str(resources.spill_folder),
        "default_null_order": "nulls_first_on_asc_last_on_desc",
        "preserve_insertion_order": "false",
        "partitioned_write_max_open_files": str(MOST_OPEN_FILES),
    }


def _rows_of(table: Input, day: str) -> str:
    """Return a query of a day's rows. A file may lack columns that the table got after it."""
    columns = {name: kind for name, kind in table.types.items() if name != table.partition_column}
    empty = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns.items())
    rows = f"select {empty} where false"
    files = table.of_day(day)
    if files:
        named = ", ".join(literal(str(file)) for file in files)
        folders = ", ".join(
            f"{quoted(name)}: {table.types[name]}" for name in sorted(table.named_in_folders)
        )
        hive = f"true, hive_types = {{{folders}}}" if folders else "false"
        rows += (
            " union all by name select * from read_parquet("
            f"[{named}], union_by_name = true, hive_partitioning = {hive})"
        )
    selected = [
        _in_utc(name) if kind == "TIMESTAMP" else quoted(name) for name, kind in columns.items()
    ]
    if table.partition_column:
        selected.append(f"date {literal(day)} as {quoted(table.partition_column)}")
    return f"select {', '.join(selected)} from ({rows})"


def _in_utc(column: str) -> str:
    # Without the calendar that a cast between the two kinds of timestamps asks.
    return f"make_timestamp(epoch_us({quoted(column)})) as {quoted(column)}"


def _relation(name: str) -> str:
    return ".".join(map(quoted, name.split(".")))
