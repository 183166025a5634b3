"""A model's SQL in DuckDB's dialect."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from footfall.errors import first_line

TIMESTAMP = exp.DataType.Type.TIMESTAMP
SPARK_FUNCTIONS = ("create macro raise_error(message) as error(message)",)
"""What Spark has and DuckDB lacks, where sqlglot does not know it."""


class NotTranslatable(Exception):
    """sqlglot does not understand a statement."""


@dataclass(frozen=True)
class Translated:
    """A query that DuckDB understands.

    Attributes:
        sql: the query.
        relations: the tables and views that it reads, ``schema.name``.
    """

    sql: str
    relations: frozenset[str]


def translate(sql: str) -> Translated:
    """Translate a query of Spark's.

    Args:
        sql: one query; tables and views are named with their schema, which tells them from the
            names of common table expressions.

    Raises:
        NotTranslatable: it is no query that sqlglot understands.
    """
    try:
        [query] = sqlglot.parse(sql, read="spark")
    except (SqlglotError, ValueError) as error:
        raise NotTranslatable(first_line(error)) from error
    if not isinstance(query, exp.Query):
        raise NotTranslatable("it is no query")
    if any(True for _ in query.find_all(exp.Lateral, exp.Command)):
        raise NotTranslatable("lateral views have another form in DuckDB")
    tables = (table for table in query.find_all(exp.Table) if table.db)
    relations = frozenset(f"{table.db}.{table.name}" for table in tables)
    query = query.transform(_in_utc).transform(_interpolated)
    return Translated(query.sql(dialect="duckdb", comments=False), relations)


def _in_utc(node: exp.Expression) -> exp.Expression:
    """Replace Spark's timestamps by those without a zone: all of them are in UTC."""
    if isinstance(node, exp.DataType) and node.this in (
        exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ,
    ):  # fmt: skip
        return exp.DataType(this=TIMESTAMP)
    return node


def _interpolated(node: exp.Expression) -> exp.Expression:
    """Replace Spark's percentile by the quantile that interpolates; sqlglot takes the other."""
    if isinstance(node, exp.Quantile):
        return exp.Anonymous(this="quantile_cont", expressions=[node.this, node.args["quantile"]])
    return node


def duckdb_type(spark_type: str) -> str:
    """Return DuckDB's name of a Spark type; of a timestamp the one without a zone.

    Args:
        spark_type: such as ``bigint`` or ``array<int>``.

    Raises:
        NotTranslatable: sqlglot does not know it, or it holds timestamps among other things.
    """
    try:
        found = exp.DataType.build(spark_type, dialect="spark")
    except (SqlglotError, ValueError) as error:
        raise NotTranslatable(f"the type {spark_type}") from error
    name = found.transform(_in_utc).sql(dialect="duckdb")
    if TIMESTAMP.value in name and name != TIMESTAMP.value:
        raise NotTranslatable(f"the type {spark_type}")
    return name
