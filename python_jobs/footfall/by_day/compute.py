"""One day of a model, or all of it at once, computed by DuckDB."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from footfall.by_day.inputs import Input, Inputs
from footfall.by_day.translate import SPARK_FUNCTIONS
from footfall.duckdb_sql import OFFLINE, literal, quoted

LONGEST_TEXT_IN_STATISTICS = 32
"""Delta cuts texts to as many characters; a longer one is left out here."""
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
        partition_column: of the table.
        types: DuckDB's types of its columns, in their order.
        folder: the table's.
    """

    query: str
    inputs: Inputs
    partition_column: str
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


def compute_day(task: Day, resources: Resources) -> dict[str, Any] | None:
    """Compute a day and write it as one Parquet file.

    Returns:
        The file as an ``add`` action of Delta's log; None where the day has no rows.

    Raises:
        duckdb.Error: the query failed; among others where a row is of another day.
    """
    with _connected(task.inputs, task.day, _config(resources)) as connection:
        return _write(connection, task)


def compute_whole(task: Whole, resources: Resources) -> list[dict[str, Any]]:
    """Compute a table and write it as a Parquet file for each partition and thread.

    Returns:
        The files as ``add`` actions of Delta's log.

    Raises:
        duckdb.Error: the query failed; among others where a row has no partition.
    """
    config = _config(resources) | {"partitioned_write_max_open_files": str(MOST_OPEN_FILES)}
    with _connected(task.inputs, NO_DAY, config) as connection:
        column = quoted(task.partition_column)
        copied = connection.execute(
            f"""
            copy (
                select {_cast_for_parquet(task.types)} from ({task.query})
                where case when {column} is null then error('a row without {column}') else true end
            ) to {literal(str(task.folder))} (
                format parquet, compression snappy, return_stats, partition_by ({column}),
                filename_pattern 'part-{{uuid}}.snappy', overwrite_or_ignore
            )
            """
        ).fetchall()
    columns = _in_files(task.types, task.partition_column)
    return [
        _added(Path(file).relative_to(task.folder), task.folder, keys, size, rows, stats, columns)
        for file, rows, size, _, stats, keys in copied
    ]


def require_understood(query: str, inputs: Inputs) -> None:
    """Have DuckDB plan a query, on a day without rows.

    Raises:
        duckdb.Error: it knows no function or type that the query uses, or finds it ambiguous.
    """
    with _connected(inputs, NO_DAY, {}) as connection:
        connection.execute(f"explain {query}")


@contextmanager
def _connected(
    inputs: Inputs, day: str, config: Mapping[str, str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={**OFFLINE, **config}) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in SPARK_FUNCTIONS:
            connection.execute(statement)
        for name in (*inputs.tables, *inputs.views):
            connection.execute(f"create schema if not exists {quoted(name.split('.')[0])}")
        for name, table in inputs.tables.items():
            connection.execute(f"create view {_relation(name)} as {_rows_of(table, day)}")
        for name, query in inputs.views.items():
            connection.execute(f"create view {_relation(name)} as {query}")
        yield connection


def _config(resources: Resources) -> dict[str, str]:
    return {
        "threads": str(resources.threads),
        "memory_limit": f"{resources.memory_mib}MiB",
        "temp_directory": str(resources.spill_folder),
        "default_null_order": "nulls_first_on_asc_last_on_desc",
        "preserve_insertion_order": "false",
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


def _write(connection: duckdb.DuckDBPyConnection, task: Day) -> dict[str, Any] | None:
    keys = {task.partition_column: task.day}
    path = Path(f"{task.partition_column}={task.day}", f"part-{uuid.uuid4()}.snappy.parquet")
    file = task.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = _in_files(task.types, task.partition_column)
    day, column = literal(task.day), quoted(task.partition_column)
    copied = connection.execute(
        f"""
        copy (
            select {_cast_for_parquet(columns)} from ({task.query})
            where case when {column} = date {day} then true else error(
                'a row of ' || coalesce({column}::text, 'no day') || ' among those of ' || {day}
            ) end
        ) to {literal(str(file))} (format parquet, compression snappy, return_stats)
        """
    ).fetchone()
    assert copied is not None
    _, rows, size, _, statistics, *_ = copied
    if not rows:
        file.unlink()
        return None
    return _added(path, task.folder, keys, size, rows, statistics, columns)


def _in_files(types: Mapping[str, str], partition_column: str) -> dict[str, str]:
    return {name: kind for name, kind in types.items() if name != partition_column}


def _cast_for_parquet(types: Mapping[str, str]) -> str:
    return ", ".join(
        f"cast({quoted(name)} as {kind}{'TZ' if kind == 'TIMESTAMP' else ''}) as {quoted(name)}"
        for name, kind in types.items()
    )


def _added(
    path: Path,
    folder: Path,
    keys: Mapping[str, str],
    size: int,
    rows: int,
    statistics: Mapping[str, Mapping[str, str]],
    types: Mapping[str, str],
) -> dict[str, Any]:
    """Return a file as an ``add`` action of Delta's log."""
    return {
        "path": quote(path.as_posix(), safe="/="),
        "partitionValues": dict(keys),
        "size": size,
        "modificationTime": (folder / path).stat().st_mtime_ns // 1_000_000,
        "dataChange": True,
        "stats": json.dumps(_statistics(rows, statistics, types)),
    }


def _statistics(
    rows: int, statistics: Mapping[str, Mapping[str, str]], types: Mapping[str, str]
) -> dict[str, Any]:
    """Return a file's statistics as Delta's log has them."""
    found: dict[str, Any] = {"numRecords": rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    for name, kind in types.items():
        known = statistics.get(quoted(name), {})
        if "null_count" in known:
            found["nullCount"][name] = int(known["null_count"])
        bounds = [_bound(known.get(key), kind) for key in ("min", "max")]
        if None not in bounds:
            found["minValues"][name], found["maxValues"][name] = bounds
    return found


def _bound(value: str | None, kind: str) -> Any:
    if value is None:
        return None
    if kind in ("BIGINT", "INT", "SMALLINT", "TINYINT"):
        return int(value)
    if kind == "DATE":
        return value
    if kind == "TIMESTAMP":
        # To the millisecond, as Delta has it: it looks a millisecond beyond the largest.
        day, time = value.removesuffix("+00").split(" ")
        seconds, _, fraction = time.partition(".")
        return f"{day}T{seconds}.{fraction:0<3.3}Z"
    if kind == "TEXT" and len(value) <= LONGEST_TEXT_IN_STATISTICS:
        return value
    return None


def _relation(name: str) -> str:
    return ".".join(map(quoted, name.split(".")))
