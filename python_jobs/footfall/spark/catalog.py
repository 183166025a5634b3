"""What Spark's catalog says of a table, without a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def describe(session: SparkSession, name: str) -> Any:
    """Return what Spark's catalog says of a table or view (a Java object).

    Args:
        session: Spark's, in this process.
        name: ``schema.name``.
    """
    state = session._jsparkSession.sessionState()
    return state.catalog().getTableMetadata(state.sqlParser().parseTableIdentifier(name))
