"""The record of files: which were loaded by which load, which were rejected and why."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from footfall.home.checks import was_written
from footfall.ingest.read import SELECTED
from footfall.object_store import table_path
from footfall.project.adopted import require_not_adopted
from footfall.project.contracts import Contract
from footfall.project.records import INGESTED_FILES, REPLAYS, record_table
from footfall.settings import Settings
from footfall.spark.conflicts import run_statement
from footfall.spark.delta_log import read_delta_table
from footfall.spark.explain import first_sentence
from footfall.spark.session import with_catalog

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

log = structlog.get_logger(__name__)

METADATA_KEY = "footfall_ingest"
EMPTIED_BY_ERASURE = "footfall.emptied_by_erasure"
"""Property of a bronze table: the newest load when an erasure removed its last rows."""

UNDONE = "its load was undone by a RESTORE of the bronze table; offered again, it is loaded"

COMPACT_AFTER = 50
"""Commits with small files, one for each load, before they are merged."""

OFFSETS = re.compile(r"kafka:(?P<topic>[^/]+)/(?P<partition>\d+)/\d+-(?P<last>\d+)")
"""What :func:`name_of_offsets` makes."""

_creation = threading.Lock()


def name_of_offsets(topic: str, partition: int, first: int, last: int) -> str:
    """Return what the record calls a partition's messages of one load."""
    return f"kafka:{topic}/{partition}/{first}-{last}"


@dataclass(frozen=True)
class FileRecord:
    """One file as ingestion met it."""

    source_file: str
    sha256: str
    bytes: int
    status: Literal["loaded", "rejected"]
    file_rows: int | None = None
    reason: str | None = None
    load_id: int | None = None


@dataclass(frozen=True)
class LoadCounts:
    """Rows of one file in one load of the bronze table."""

    rows: int
    rows_with_errors: int


class Batch(NamedTuple):
    """A micro-batch: its query, whose numbers Delta remembers, and its number."""

    query: str
    number: int


class IngestRecord:
    """One source entity's part of ``dq_ingested_files``, beside its bronze table.

    The bronze commit carries the names of its files in its metadata, so that the record can be
    completed after a crash between the two.
    """

    def __init__(self, spark: SparkSession, settings: Settings, contract: Contract) -> None:
        self.spark = spark
        self.settings = settings
        self.contract = contract
        self.bronze = contract.bronze_table(settings)
        files = record_table(INGESTED_FILES)
        self.table = files.name_in(settings)
        # Entities may be loaded side by side; the catalog refuses to create one table twice.
        with _creation:
            run_statement(spark, f"create schema if not exists {settings.schema_of('bronze')}")
            if not spark.catalog.tableExists(self.bronze):
                self._remove_what_was_never_registered(self.bronze)
                run_statement(
                    spark,
                    f"create table if not exists {self.bronze} ({contract.ddl()}) using delta",
                )
            else:
                require_not_adopted(spark, settings, contract)
            if not spark.catalog.tableExists(self.table):
                self._remove_what_was_never_registered(self.table)
                files.create(spark, settings)
        self.sha_loaded: set[str] = set()
        self.sha_rejected: set[str] = set()
        self.last_load_id = 0
        self._undone: set[int] = set()

    def _remove_what_was_never_registered(self, table: str) -> None:
        """Remove a table that a kill kept from the catalog, where it has nothing but its creation.

        Behind a metastore server another process may be creating it at this moment.
        """
        folder = self.settings.table_folder(table)
        alone = with_catalog(self.settings).metastore_uri is None
        if alone and folder.is_dir() and not was_written(self.settings.home, *table.split(".")):
            shutil.rmtree(folder)

    def open(self) -> bool:
        """Read the record and bring it in line with the bronze table.

        Returns:
            False where the bronze table was dropped or emptied since the last load. What the record
            said of it is then forgotten, and so must be the queue and the checkpoint. A table that
            an erasure emptied keeps its record: its files must not come back.
        """
        last_in_bronze = self._last_bronze_load()
        loaded_rows = self._read()
        if last_in_bronze is None and loaded_rows and not self._emptied_by_erasure():
            log.warning("bronze_table_emptied", table=self.bronze, forgotten=len(self.sha_loaded))
            DeltaTable.forName(self.spark, self.table).delete(
                F.col("source") == F.lit(self.contract.name)
            )
            self.sha_loaded, self.sha_rejected = set(), set()
            return False
        if last_in_bronze is not None and last_in_bronze > self.last_load_id:
            self._complete_from_history()
            self.last_load_id = max(self.last_load_id, last_in_bronze)
        elif last_in_bronze is not None and last_in_bronze < self.last_load_id:
            self._release_undone_loads(last_in_bronze)
        self.last_load_id = max(self.last_load_id, self._newest_replay())
        return True

    def _newest_replay(self) -> int:
        """Return the number of the newest replay, which has no rows in bronze; 0 without any."""
        table = record_table(REPLAYS).name_in(self.settings)
        if not self.spark.catalog.tableExists(table):
            return 0
        own = self.spark.table(table).where(F.col("source") == self.contract.name)
        newest = own.agg(F.max("load_id")).first()
        return (newest and newest[0]) or 0

    def _release_undone_loads(self, last_in_bronze: int) -> None:
        """Let the files of loads that a RESTORE took back be loaded again, once they are offered.

        An erasure may have removed a load's rows, too: its files must not come back.
        """
        history = self.spark.sql(f"describe history {self.bronze}")
        restored = (
            history.where("operation = 'RESTORE'").orderBy("version", ascending=False).first()
        )
        if restored is None:
            return
        kept = restored["operationParameters"].get("version")
        undone = {
            load["load_id"]
            for version, load in self._loads(history)
            if load["load_id"] > last_in_bronze and int(kept or -1) < version < restored["version"]
        }
        if not undone:
            return
        self._undone = undone
        log.warning("loads_undone", table=self.bronze, load_ids=sorted(undone))
        DeltaTable.forName(self.spark, self.table).update(
            (F.col("source") == self.contract.name)
            & (F.col("status") == "loaded")
            & F.col("load_id").isin(sorted(undone)),
            {"status": F.lit("rejected"), "reason": F.lit(UNDONE)},
        )
        self._read()

    @staticmethod
    def _loads(history: DataFrame) -> list[tuple[int, dict[str, Any]]]:
        """Return the version of each commit that was a load, the newest first, and what it says."""
        rows = history.where(F.col("userMetadata").contains(METADATA_KEY)).collect()
        return [(row["version"], json.loads(row["userMetadata"])[METADATA_KEY]) for row in rows]

    def expect_empty(self) -> None:
        """Say in the bronze table that an erasure is about to remove its last rows."""
        self.spark.sql(
            f"alter table {self.bronze} "
            f"set tblproperties ('{EMPTIED_BY_ERASURE}' = '{self.last_load_id}')"
        )

    def _emptied_by_erasure(self) -> bool:
        detail = self.spark.sql(f"describe detail {self.bronze}").first()
        load_id = detail["properties"].get(EMPTIED_BY_ERASURE) if detail else None
        return load_id is not None and int(load_id) >= self.last_load_id

    def _last_bronze_load(self) -> int | None:
        row = self.spark.table(self.bronze).agg(F.max("_load_id")).first()
        return row[0] if row else None

    def _read(self) -> int:
        """Fill the sets and return how many rows the record says were loaded."""
        rows = (
            self.spark.table(self.table)
            .where(F.col("source") == self.contract.name)
            .select("sha256", "status", "load_id", "file_rows")
            .collect()
        )
        loaded = [row for row in rows if row["status"] == "loaded"]
        self.sha_loaded = {row["sha256"] for row in loaded}
        self.sha_rejected = {row["sha256"] for row in rows if row["status"] == "rejected"}
        # Of rejected ones too: the number of a load that was undone is not given again.
        numbers = (row["load_id"] for row in rows if row["load_id"] is not None)
        self.last_load_id = max(numbers, default=0)
        return sum(row["file_rows"] or 0 for row in loaded)

    def next_offsets(self, topic: str) -> dict[int, int]:
        """Return, by partition of a topic, the first offset that no load has."""
        return self._offsets(topic, F.col("status") == "loaded")

    def undone_offsets(self, topic: str) -> dict[int, int]:
        """Return the partitions of a topic of which :meth:`open` has found loads undone."""
        if not self._undone:
            return {}
        return self._offsets(topic, F.col("load_id").isin(sorted(self._undone)))

    def _offsets(self, topic: str, condition: Column) -> dict[int, int]:
        rows = (
            self.spark.table(self.table)
            .where((F.col("source") == self.contract.name) & condition)
            .where(F.col("source_file").startswith(f"kafka:{topic}/"))
            .select("source_file")
            .collect()
        )
        found: dict[int, int] = {}
        for row in rows:
            if told := OFFSETS.fullmatch(row["source_file"]):
                partition = int(told["partition"])
                found[partition] = max(found.get(partition, 0), int(told["last"]) + 1)
        return found

    def _complete_from_history(self) -> None:
        """Add the loads that were committed to bronze but not recorded."""
        history = self.spark.sql(f"describe history {self.bronze}")
        for _version, load in reversed(self._loads(history)):
            if load["load_id"] <= self.last_load_id:
                continue
            counts = self.counts_of(load["load_id"])
            log.warning("load_recorded_late", table=self.bronze, load_id=load["load_id"])
            self.append(
                [
                    FileRecord(
                        source_file=file["source_file"],
                        sha256=file["sha256"],
                        bytes=file["bytes"],
                        status="loaded",
                        file_rows=self.file_rows(file, counts),
                        load_id=load["load_id"],
                    )
                    for file in load["files"]
                ]
            )

    @staticmethod
    def file_rows(file: dict[str, object], counts: dict[str, LoadCounts]) -> int:
        """Return the rows of a file: counted before the load, else those that were loaded."""
        known = file.get("file_rows")
        if isinstance(known, int):
            return known
        loaded = counts.get(str(file["source_file"]))
        return loaded.rows if loaded else 0

    def commit(
        self, rows: DataFrame, load_id: int, files: Sequence[dict[str, object]], batch: Batch
    ) -> None:
        """Append a load to the bronze table; a batch that it has already changes nothing.

        Args:
            rows: in the contract's columns, and beside them what tells whether a row is selected.
            load_id: the next one.
            files: what the commit must carry for :meth:`open` to find it again.
            batch: the micro-batch that the rows are of.
        """
        metadata = json.dumps({METADATA_KEY: {"load_id": load_id, "files": list(files)}})
        (
            rows.where(SELECTED)
            .drop(SELECTED)
            .withColumn("_load_id", F.lit(load_id).cast("bigint"))
            .withColumn("_ingested_at", F.lit(datetime.now(timezone.utc)))
            .write.format("delta")
            .mode("append")
            .option("mergeSchema", True)
            .option("txnAppId", batch.query)
            .option("txnVersion", batch.number)
            .option("userMetadata", metadata)
            .saveAsTable(self.bronze)
        )

    def counts_of(self, load_id: int) -> dict[str, LoadCounts]:
        """Return the rows of a load by source file."""
        rows = (
            self.spark.table(self.bronze)
            .where(F.col("_load_id") == load_id)
            .groupBy("_source_file")
            .agg(
                F.count("*").alias("rows"),
                F.count_if(F.size("_ingest_errors") > 0).alias("rows_with_errors"),
            )
            .collect()
        )
        return {
            row["_source_file"]: LoadCounts(row["rows"], row["rows_with_errors"]) for row in rows
        }

    def compact(self) -> None:
        """Merge the small files of many loads, which would slow down later loads and builds.

        Another process may do so at the same time; what fails is left to the next load.
        """
        for table in (self.bronze, self.table):
            try:
                known = read_delta_table(table_path(table, self.settings))
                commits = known.commits_since("OPTIMIZE", COMPACT_AFTER) if known else []
                if len(commits) == COMPACT_AFTER:
                    self.spark.sql(f"optimize {table}")
            except Exception as error:
                log.warning(
                    "table_not_compacted", table=table, reason=first_sentence(str(error))[0]
                )

    def append(self, records: Sequence[FileRecord]) -> None:
        """Write records and remember them."""
        if not records:
            return
        now = datetime.now(timezone.utc)
        rows = [
            asdict(record) | {"source": self.contract.name, "recorded_at": now}
            for record in records
        ]
        record_table(INGESTED_FILES).append(self.spark, self.settings, rows)
        for record in records:
            if record.status == "loaded":
                self.sha_loaded.add(record.sha256)
                self.last_load_id = max(self.last_load_id, record.load_id or 0)
            else:
                self.sha_rejected.add(record.sha256)
