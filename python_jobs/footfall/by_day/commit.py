"""One commit to a Delta table: the files of a predicate's partitions give way to new ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

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
        self._replaced: Any = None
        if self._is_known_to_be_empty():
            # Spares a run of Spark's over the log, which for a table made just now takes longest.
            self._transaction.readWholeTable()
            return
        parser = session._jsparkSession.sessionState().sqlParser()
        expressions = self._seq([] if predicate == "true" else [parser.parseExpression(predicate)])
        self._replaced = self._transaction.filterFiles(expressions, False)

    def _is_known_to_be_empty(self) -> bool:
        checksum = self._transaction.snapshot().checksumOpt()
        return bool(checksum.isDefined() and checksum.get().numFiles() == 0)

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
        now = round(time.time() * 1000)
        gone = self._replaced.iterator() if self._replaced else None
        done = []
        while gone and gone.hasNext():
            done.append(gone.next().removeWithTimestamp(now, True))
        done += [actions.fromJson(json.dumps({"add": file})) for file in files]
        version: int = self._transaction.commit(self._seq(done), self._operation())
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
