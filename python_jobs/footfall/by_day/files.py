"""Parquet files of a Delta table that DuckDB computes, and what Delta's log says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.duckdb_sql import literal, quoted

LONGEST_TEXT_IN_STATISTICS = 32
"""Delta cuts texts to as many characters; a longer one is left out here."""
COMPRESSION = "snappy"
ROWS_AT_A_TIME = 4096
BYTES_OF_A_ROW_GROUP = 64 * 2**20
"""In memory; of tables with lists, whose rows may be a few bytes or some thousand."""


@dataclass(frozen=True)
class Written:
    """What is in a file.

    Attributes:
        rows: their number.
        statistics: by column, its name quoted: ``min`` and ``max`` as texts, and ``null_count``.
    """

    rows: int
    statistics: Mapping[str, Mapping[str, Any]]


def write_file(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, types: Mapping[str, str]
) -> Written:
    """Write the result of a query to a Parquet file.

    Args:
        connection: DuckDB's.
        query: in its dialect.
        file: in a folder that exists.
        types: DuckDB's types of the columns.

    Raises:
        duckdb.Error: the query failed.
    """
    if any(kind.endswith("[]") for kind in types.values()):
        return _write_lists(connection, query, file, types)
    copied = connection.execute(
        f"copy ({query}) to {literal(str(file))} "
        f"(format parquet, compression {COMPRESSION}, return_stats)"
    ).fetchone()
    assert copied is not None
    _, rows, _, _, statistics, *_ = copied
    return Written(rows, statistics)


def _write_lists(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, types: Mapping[str, str]
) -> Written:
    """Write by Arrow: DuckDB takes two to three times as long for each element of a list."""
    connection.execute(f"set streaming_buffer_size = '{BYTES_OF_A_ROW_GROUP}B'")
    try:
        with (
            connection.execute(query).to_arrow_reader(ROWS_AT_A_TIME) as batches,
            pq.ParquetWriter(file, batches.schema, compression=COMPRESSION) as writer,
        ):
            for table in _row_groups(batches):
                writer.write_table(table)
    except OSError as error:
        if error.errno is not None:
            raise
        # Arrow has DuckDB's error as its own, or just that another thread was interrupted by it.
        connection.execute(f"select count(*) from ({query})").fetchall()
        raise duckdb.Error(str(error)) from error
    named = [quoted(name) for name, kind in types.items() if not kind.endswith("[]")]
    bounds = ", ".join(
        f"{{'min': min({name})::text, 'max': max({name})::text,"
        f" 'null_count': count(*) - count({name})}}"
        for name in named
    )
    found = connection.execute(f"select count(*), {bounds} from {literal(str(file))}").fetchone()
    assert found is not None
    rows, *statistics = found
    return Written(rows, dict(zip(named, statistics, strict=True)))


def _row_groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= BYTES_OF_A_ROW_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def added(
    path: Path,
    folder: Path,
    keys: Mapping[str, str],
    written: Written,
    types: Mapping[str, str],
) -> dict[str, Any]:
    """Return a file as an ``add`` action of Delta's log.

    Args:
        path: from the table's folder.
        folder: the table's.
        keys: values of partition columns.
        written: what is in the file.
        types: DuckDB's types of its columns.
    """
    stat = (folder / path).stat()
    return {
        "path": quote(path.as_posix(), safe="/="),
        "partitionValues": dict(keys),
        "size": stat.st_size,
        "modificationTime": stat.st_mtime_ns // 1_000_000,
        "dataChange": True,
        "stats": json.dumps(_statistics(written, types)),
    }


def _statistics(written: Written, types: Mapping[str, str]) -> dict[str, Any]:
    """Return a file's statistics as Delta's log has them."""
    found: dict[str, Any] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for name, kind in types.items():
        known = written.statistics.get(quoted(name), {})
        if "null_count" in known:
            found["nullCount"][name] = int(known["null_count"])
        bounds = [_bound(known.get(key), kind) for key in ("min", "max")]
        if None not in bounds:
            found["minValues"][name], found["maxValues"][name] = bounds
    return {"numRecords": written.rows, **found}


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


def in_files(types: Mapping[str, str], partition_column: str | None) -> dict[str, str]:
    """Return the columns that files hold: all but the partition's."""
    return {name: kind for name, kind in types.items() if name != partition_column}


def cast_for_parquet(types: Mapping[str, str]) -> str:
    """Return the columns of a select, in the types of the table's files."""
    return ", ".join(
        f"cast({quoted(name)} as {kind}{'TZ' if kind == 'TIMESTAMP' else ''}) as {quoted(name)}"
        for name, kind in types.items()
    )
