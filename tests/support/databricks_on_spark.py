"""dbt-databricks without Databricks: its statements run on open-source Spark and Delta.

The connector insists on https and a token, so its connection is replaced by one on the session of
the tests. What open-source Spark says otherwise is rewritten, statement by statement, in
:data:`REWRITES`; everything else runs as the adapter wrote it. Of Databricks itself this shows
nothing: no Unity Catalog, no SQL warehouse, no job cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "hive_metastore"
RUNTIME = "16.4.x-scala2.13"
REWRITES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        # dbt's own comment stands before each statement.
        (r"^\s*/\*.*?\*/\s*", ""),
        (r"^use catalog .*", "set catalog spark_catalog"),
        (rf"^show schemas in `?{CATALOG}`?", "show schemas"),
        (rf"`?\b{CATALOG}`?\.", ""),
        (
            r"^comment on column (\S+)\.([^.\s]+) is (.*)",
            r"alter table \1 alter column \2 comment \3",
        ),
    )
)


class Cursor:
    """A cursor of the connector, as far as dbt-databricks uses it."""

    query_id = "0"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._frame: DataFrame | None = None

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Cursor:
        for pattern, replacement in REWRITES:
            sql = pattern.sub(replacement, sql)
        self.connection.statements.append(sql)
        # The connector, too, fills the parameters in itself.
        filled = sql % tuple(map(_literal, parameters)) if parameters else sql
        self._frame = self.connection.spark.sql(filled)
        return self

    def schemas(self, _catalog: str, schema: str | None = None) -> Cursor:
        return self.execute(f"show schemas like '{schema or '*'}'")

    def tables(self, _catalog: str, schema: str) -> Cursor:
        spark = self.connection.spark
        views = {view.viewName for view in spark.sql(f"show views in {schema}").collect()}
        found = [
            (table.tableName, "VIEW" if table.tableName in views else "TABLE")
            for table in spark.sql(f"show tables in {schema}").collect()
            if not table.isTemporary
        ]
        self._frame = spark.createDataFrame(found, "TABLE_NAME string, TABLE_TYPE string")
        return self

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        if self._frame is None:
            return None
        return [
            (field.name, field.dataType.simpleString(), None, None, None, None, field.nullable)
            for field in self._frame.schema.fields
        ]

    def fetchall(self) -> list[Any]:
        return self._frame.collect() if self._frame is not None else []

    def fetchmany(self, size: int) -> list[Any]:
        return self.fetchall()[:size]

    def fetchone(self) -> Any:
        return next(iter(self.fetchall()), None)

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _literal(value: str | float | None) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return "null" if value is None else str(value).lower()


class Connection:
    """A connection of the connector on a Spark session; it keeps the statements."""

    def __init__(self, spark: SparkSession, statements: list[str]) -> None:
        self.spark = spark
        self.statements = statements

    def cursor(self) -> Cursor:
        return Cursor(self)

    def get_session_id_hex(self) -> str:
        return "0"

    def close(self) -> None:
        pass

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def databricks_on_spark(spark: SparkSession) -> Iterator[list[str]]:
    """Let the target ``databricks`` run on a Spark session; yield the statements that it ran."""
    import databricks.sql
    from databricks.sdk import config
    from dbt.adapters.databricks import connections, handle

    statements: list[str] = []

    def connect(**_arguments: Any) -> Connection:
        return Connection(spark, statements)

    before = spark.conf.get("spark.sql.ansi.enabled")
    with pytest.MonkeyPatch.context() as patch:
        for module in (databricks.sql, connections.dbsql, handle.dbsql):
            patch.setattr(module, "connect", connect)
        # It asks the host, and for minutes.
        patch.setattr(config.Config, "_resolve_host_metadata", lambda _self: None)
        patch.setenv("DATABRICKS_HOST", "localhost")
        patch.setenv("DATABRICKS_TOKEN", "none")
        patch.setenv("DATABRICKS_CATALOG", CATALOG)
        patch.setenv("DATABRICKS_HTTP_PATH", "sql/protocolv1/o/0/0000-000000-cluster0")
        spark.conf.set("spark.databricks.clusterUsageTags.sparkVersion", RUNTIME)
        # As a warehouse has it.
        spark.conf.set("spark.sql.ansi.enabled", "true")
        try:
            yield statements
        finally:
            spark.conf.set("spark.sql.ansi.enabled", before)
            spark.conf.unset("spark.databricks.clusterUsageTags.sparkVersion")
