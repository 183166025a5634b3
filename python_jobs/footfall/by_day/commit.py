"""One commit to a Delta table: the files of a predicate's partitions give way to new ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA = "org.apache.spark.sql.delta"


class Replacement:
    """A transaction of Delta's own, by the Java that Spark runs in.

    It reads the table's version when it begins: what another writer commits to the same partitions
    from then on is a conflict.

    Args:
        session: Spark's, in this process.
        table: the table, as Spark's catalog describes it.
        predicate: SQL over partition columns: whose files give way; ``true`` for all.
        is_empty: whether the table was made just now: its log need not be asked for files.
    """

    def __init__(
        self, session: SparkSession, table: Any, predicate: str, is_empty: bool = False
    ) -> None:
        java: Any = session._jvm
        self._java = java
        self._option = java.scala.Option
        self.predicate = predicate
        log = self._static(f"{DELTA}.DeltaLog").forTable(session._jsparkSession, table)
        self._transaction = log.startTransaction(self._option.apply(table), self._option.empty())
        self._replaced: Any = None
        if is_empty:
            self._transaction.readWholeTable()
            return
        parser = session._jsparkSession.sessionState().sqlParser()
        expressions = self._seq([] if predicate == "true" else [parser.parseExpression(predicate)])
        self._replaced = self._transaction.filterFiles(expressions, False)

    @property
    def metadata(self) -> dict[str, Any]:
        """The table's schema, partitions and properties, as the log has them."""
        found: dict[str, Any] = json.loads(self._transaction.metadata().json())["metaData"]
        return found

    def commit(
        self, files: Iterable[Mapping[str, Any]], properties: Mapping[str, str] | None = None
    ) -> int:
        """Replace the files.

        Args:
            files: ``add`` actions.
            properties: all properties that the table has from now on; None leaves them.

        Returns:
            The table's new version.

        Raises:
            py4j.protocol.Py4JJavaError: another writer came first, among others.
        """
        actions = self._static(f"{DELTA}.actions.Action")
        if properties is not None:
            changed = {"metaData": {**self.metadata, "configuration": dict(properties)}}
            self._transaction.updateMetadata(actions.fromJson(json.dumps(changed)), False)
        now = round(time.time() * 1000)
        gone = self._replaced.iterator() if self._replaced else None
        done = []
        while gone and gone.hasNext():
            done.append(gone.next().removeWithTimestamp(now, True))
        done += [actions.fromJson(json.dumps({"add": file})) for file in files]
        version: int = self._transaction.commit(self._seq(done), self._operation())
        return version

    def _operation(self) -> Any:
        none, predicate = self._option.empty(), self._option.apply(self.predicate)
        write = getattr(self._java, f"{DELTA}.DeltaOperations$Write")
        overwrite = self._java.org.apache.spark.sql.SaveMode.Overwrite
        return write(overwrite, none, predicate, none, none, none, none, none, none)

    def _static(self, name: str) -> Any:
        return getattr(getattr(self._java, f"{name}$"), "MODULE$")

    def _seq(self, items: list[Any]) -> Any:
        return self._java.scala.jdk.javaapi.CollectionConverters.asScala(items).toSeq()
