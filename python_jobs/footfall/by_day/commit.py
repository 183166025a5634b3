"""One commit to a Delta table: the files of a predicate's partitions give way to new ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot.errors import SqlglotError

from footfall.by_day.translate import NotTranslatable, duckdb_type
from footfall.duckdb_sql import OFFLINE, quoted
from footfall.spark.delta_log import read_delta_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA = "org.apache.spark.sql.delta"
Configured = Callable[[Mapping[str, str]], dict[str, str]]
"""What makes a table's properties of those that it has."""


class Replacement:
    """A transaction of Delta's own, by the Java that Spark runs in.

    It reads the table's version when it begins: what another writer commits to the same partitions
    from then on is a conflict.

    Args:
        session: Spark's, in this process.
        table: the table, as Spark's catalog describes it.
        predicate: SQL over partition columns: whose files give way; ``true`` for all.
    """

    def __init__(self, session: SparkSession, table: Any, predicate: str) -> None:
        java: Any = session._jvm
        self._java = java
        self._option = java.scala.Option
        self.predicate = predicate
        log = self._static(f"{DELTA}.DeltaLog").forTable(session._jsparkSession, table)
        self._transaction = log.startTransaction(self._option.apply(table), self._option.empty())
        self._session = session._jsparkSession
        self._removed = self._removes(table)

    def _removes(self, table: Any) -> list[Any]:
        """Return ``remove`` actions of the files that give way; Delta notes what was read."""
        snapshot = self._transaction.snapshot()
        parser = self._session.sessionState().sqlParser()
        expressions = self._seq([parser.parseExpression(self.predicate)])
        known = files_where(Path(table.location().getPath()), snapshot.version(), self.predicate)
        if known is None:
            files = self._transaction.filterFiles(expressions, False)
        else:
            # What filterFiles does, but for a run of Spark's over the log.
            actions = self._static(f"{DELTA}.actions.Action")
            files = self._seq([actions.fromJson(json.dumps({"add": file})) for file in known])
            self._transaction.trackReadPredicates(expressions, False, True)
            self._transaction.trackFilesRead(files)
        now = round(time.time() * 1000)
        iterator = files.iterator()
        removed = []
        while iterator.hasNext():
            removed.append(iterator.next().removeWithTimestamp(now, True))
        return removed

    @property
    def metadata(self) -> dict[str, Any]:
        """The table's schema, partitions and properties, as the log has them."""
        found: dict[str, Any] = json.loads(self._transaction.metadata().json())["metaData"]
        return found

    def commit(
        self, files: Iterable[Mapping[str, Any]], configured: Configured | None = None
    ) -> int:
        """Replace the files.

        Args:
            files: ``add`` actions.
            configured: the table's properties from now on, of those it has; None leaves them.

        Returns:
            The table's new version.

        Raises:
            py4j.protocol.Py4JJavaError: another writer came first, among others.
        """
        actions = self._static(f"{DELTA}.actions.Action")
        metadata = self.metadata
        before = metadata.get("configuration", {})
        properties = configured(before) if configured else before
        if properties != before:
            changed = {"metaData": {**metadata, "configuration": properties}}
            self._transaction.updateMetadata(actions.fromJson(json.dumps(changed)), False)
        files = list(files)
        self._register(
            numFiles=len(files),
            numOutputBytes=sum(file["size"] for file in files),
            numOutputRows=sum(json.loads(file["stats"])["numRecords"] for file in files),
        )
        added = [actions.fromJson(json.dumps({"add": file})) for file in files]
        version: int = self._transaction.commit(
            self._seq([*self._removed, *added]), self._operation()
        )
        return version

    def _register(self, **metrics: int) -> None:
        """Give the commit its metrics, which the table's history shows."""
        made = self._java.java.util.HashMap()
        for name, value in metrics.items():
            metric = self._static("org.apache.spark.sql.execution.metric.SQLMetrics").createMetric(
                self._session.sparkContext(), name
            )
            metric.set(value)
            made.put(name, metric)
        converted = self._java.scala.jdk.javaapi.CollectionConverters.asScala(made)
        immutable = getattr(self._static("scala.collection.immutable.Map"), "from")(converted)
        self._transaction.registerSQLMetrics(self._session, immutable)

    def _operation(self) -> Any:
        none, predicate = self._option.empty(), self._option.apply(self.predicate)
        write = getattr(self._java, f"{DELTA}.DeltaOperations$Write")
        overwrite = self._java.org.apache.spark.sql.SaveMode.Overwrite
        return write(overwrite, none, predicate, none, none, none, none, none, none)

    def _static(self, name: str) -> Any:
        return getattr(getattr(self._java, f"{name}$"), "MODULE$")

    def _seq(self, items: list[Any]) -> Any:
        return self._java.scala.jdk.javaapi.CollectionConverters.asScala(items).toSeq()


def files_where(folder: Path, version: int, predicate: str) -> list[dict[str, Any]] | None:
    """Return a table's files of some partitions, as ``add`` actions, without Spark.

    Args:
        folder: the table's.
        version: whose files they are.
        predicate: SQL of Spark's over partition columns; ``true`` for all files.

    Returns:
        None where Spark has to tell: its log is not plain, or a file carries more than rows.
    """
    table = read_delta_table(folder)
    if table is None or table.version != version or table.files is None:
        return None
    if table.properties.get("delta.enableRowTracking") == "true" or any(
        file.get("deletionVector") for file in table.files
    ):
        return None
    plain = [{"modificationTime": 0, **file, "dataChange": True} for file in table.files]
    if predicate == "true" or not plain:
        return plain
    types = dict(table.columns)
    try:
        values = ", ".join(
            f"cast(unnest(?) as {duckdb_type(types[name])}) as {quoted(name)}"
            for name in table.partition_columns
        )
        condition = sqlglot.transpile(predicate, read="spark", write="duckdb")[0]
        lists = [[file["partitionValues"][c] for file in plain] for c in table.partition_columns]
        with duckdb.connect(config=OFFLINE) as connection:
            found = connection.execute(
                f"select number from (select unnest(?) as number, {values}) where {condition}",
                [[*range(len(plain))], *lists],
            ).fetchall()
    except (duckdb.Error, SqlglotError, NotTranslatable):
        return None
    return [plain[number] for (number,) in found]
