"""Tables and views as they were, by the versions of the Delta tables that they read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from footfall.errors import FootfallError
from footfall.spark.explain import explain

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

GONE = re.compile(
    r"DELTA_VERSION_NOT_FOUND|DELTA_FILE_NOT_FOUND|DELTA_TRUNCATED_TRANSACTION_LOG"
    r"|FILE_NOT_EXIST|FileNotFoundException"
)
"""What Spark says where VACUUM has removed the files of a version, or Delta its log."""


def newest_versions(spark: SparkSession, names: Iterable[str]) -> dict[str, int]:
    """Return the newest version of each Delta table that tables and views read.

    Args:
        spark: the session.
        names: tables and views, as ``schema.name``.
    """
    tables = sorted({table for name in names for table in _tables_behind(spark, name)})
    newest = {
        table: spark.sql(f"describe history {table} limit 1").collect()[0] for table in tables
    }
    return {table: commit["version"] for table, commit in newest.items()}


def read_at(spark: SparkSession, name: str, versions: Mapping[str, int]) -> DataFrame:
    """Return a table or view as of versions of the tables that it reads.

    A view is read by its SQL of today.

    Args:
        spark: the session.
        name: of the table or view, as ``schema.name``.
        versions: of each table, as :func:`newest_versions` gives them.

    Raises:
        FootfallError: a table that a view reads has no version there.
    """
    return spark.sql(_as_of(spark, name, versions).sql(dialect="spark", comments=False))


@contextmanager
def explained(versions: Mapping[str, int], fix: str) -> Iterator[None]:
    """Tell that a version is gone where Spark finds no log or files of it.

    Args:
        versions: which are read.
        fix: what to do then.

    Raises:
        FootfallError: a version is gone.
    """
    try:
        yield
    except Exception as error:
        if not GONE.search(str(error)):
            raise
        asked = ", ".join(f"{table} version {number}" for table, number in versions.items())
        raise FootfallError(
            f"Not all of these can be read any more: {asked}. {explain(error).message}", fix
        ) from error


def _as_of(spark: SparkSession, name: str, versions: Mapping[str, int]) -> exp.Query:
    query = _query_of(spark, name)
    if query is None:
        if name not in versions:
            raise FootfallError(
                f"No version of {name} is given: a view reads it that did not before.",
                "Read the newest versions.",
            )
        table = exp.to_table(name, dialect="spark")
        number = exp.Literal.number(versions[name])
        table.set("version", exp.Version(this="VERSION", kind="AS OF", expression=number))
        return exp.select("*").from_(table)
    for table in _tables_of(query):
        read = _as_of(spark, _name_of(table), versions)
        table.replace(read.subquery(table.alias_or_name))
    return query


def _tables_behind(spark: SparkSession, name: str) -> set[str]:
    query = _query_of(spark, name)
    if query is None:
        return {name}
    return {
        behind for table in _tables_of(query) for behind in _tables_behind(spark, _name_of(table))
    }


def _query_of(spark: SparkSession, name: str) -> exp.Query | None:
    """Return the query of a view; None of a table."""
    rows = spark.sql(f"describe table extended {name}").collect()
    described = {row["col_name"]: row["data_type"] for row in rows}
    if described["Type"] != "VIEW":
        return None
    query = sqlglot.parse_one(described["View Text"], read="spark")
    assert isinstance(query, exp.Query)
    return query


def _tables_of(query: exp.Query) -> list[exp.Table]:
    # Without a schema it is the name of a common table expression.
    return [table for table in query.find_all(exp.Table) if table.db]


def _name_of(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts)
