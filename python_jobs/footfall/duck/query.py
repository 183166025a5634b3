"""A query, answered by DuckDB from the files of the home's tables."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall.duck.agreement import (
    RESULT_TYPES,
    Disagreement,
    Statement,
    check_plan,
    read_statement,
)
from footfall.duck.views import add_view, answer_as_spark, connect, shut_in
from footfall.duckdb_sql import OFFLINE, quoted
from footfall.errors import FootfallError, first_line
from footfall.home.checks import check_folders, delta_folders
from footfall.project.tables import only_catalog_knows
from footfall.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyspark.sql import SparkSession

LARGEST = 2**63


class Answer(NamedTuple):
    """The rows of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


class OnlySparkError(Exception):
    """DuckDB cannot answer a query, or not surely as Spark would; says why."""


def answer(sql: str, settings: Settings) -> Answer:
    """Answer a query that reads Delta tables of the home, each at its newest version.

    DuckDB can read the folders of these tables and nothing else.

    Args:
        sql: one statement.
        settings: the home.

    Raises:
        OnlySparkError: Spark has to answer.
        FootfallError: the home was moved or copied, or lost its metastore.
    """
    check_folders(settings.home)
    if reason := only_catalog_knows(settings):
        raise OnlySparkError(reason)
    try:
        import duckdb
    except ImportError as error:
        raise OnlySparkError("DuckDB is not installed") from error
    try:
        return _answer(sql, settings)
    except (duckdb.Error, Disagreement) as error:
        raise OnlySparkError(first_line(error)) from error
    except FootfallError as error:
        raise OnlySparkError(error.message) from error


def ask(sql: str, settings: Settings, session: Callable[[], SparkSession]) -> Answer:
    """Answer a query: by DuckDB, which takes less time, where its answer is surely Spark's.

    Args:
        sql: one statement.
        settings: the home.
        session: called where Spark has to answer.

    Raises:
        FootfallError: the home was moved or copied, or lost its metastore.
    """
    try:
        return answer(sql, settings)
    except OnlySparkError:
        return ask_spark(sql, session())


def ask_spark(sql: str, spark: SparkSession) -> Answer:
    """Run any statement in Spark and return its rows, instants in UTC.

    Args:
        sql: one statement; nothing is refused.
        spark: the session.
    """
    # Spark's client gives instants in the zone of this process.
    os.environ["TZ"] = "UTC"
    time.tzset()
    frame = spark.sql(sql)
    return Answer(frame.columns, [tuple(map(_without_rows, row)) for row in frame.collect()])


def _without_rows(value: Any) -> Any:
    """Return a value with a dictionary in place of each of Spark's rows in it."""
    if isinstance(value, tuple):
        return {name: _without_rows(v) for name, v in value.asDict().items()}  # type: ignore[attr-defined]
    if isinstance(value, list):
        return list(map(_without_rows, value))
    if isinstance(value, dict):
        return {key: _without_rows(v) for key, v in value.items()}
    return value


def _answer(sql: str, settings: Settings) -> Answer:
    import duckdb

    # The plan is made on empty tables: that of a view of files cannot be looked at.
    with duckdb.connect(config=OFFLINE | {"enable_external_access": False}) as empty:
        statement = read_statement(empty, sql)
        return _read(sql, statement, empty, settings)


def _read(sql: str, statement: Statement, empty: DuckDBPyConnection, settings: Settings) -> Answer:
    with connect() as connection:
        folders = {}
        for schema, name in delta_folders(settings.home):
            if (table := f"{schema}.{name}") in statement.tables:
                folders[table] = settings.table_folder(table)
        for each in (empty, connection):
            answer_as_spark(each)
        for table, folder in folders.items():
            columns = add_view(connection, table, folder)
            schema, _, name = table.partition(".")
            described = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
            empty.execute(f"create schema if not exists {quoted(schema)}")
            empty.execute(f"create table {quoted(schema)}.{quoted(name)} ({described})")
        check_plan(empty, sql)
        shut_in(connection, folders.values())
        result = connection.sql(sql)
        for name, kind in zip(result.columns, result.types, strict=True):
            _require_known(name, kind)
        rows = [tuple(map(_as_spark, row)) for row in result.fetchall()]
        return Answer(statement.columns or list(result.columns), rows)


def _require_known(column: str, kind: Any) -> None:
    if kind.id.upper() not in RESULT_TYPES:
        raise Disagreement(f"{column} is of type {kind}".lower())
    if kind.id in ("list", "struct"):
        for _, child in kind.children:
            _require_known(column, child)


def _as_spark(value: Any) -> Any:
    """Return a value as Spark's client gives it."""
    if type(value) is int and not -LARGEST <= value < LARGEST:
        raise Disagreement("a sum does not fit 64 bits")
    return bytearray(value) if isinstance(value, bytes) else value
