"""Files that a wrong mapping spoilt, read again by another one in the place of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pyspark.sql import functions as F

from footfall.checksum import sha256_of
from footfall.errors import FootfallError
from footfall.ingest.files import (
    FileRejectedError,
    ReadPlan,
    format_of,
    inspect,
    plan_read,
)
from footfall.ingest.mapping import Mapping, load_mapping
from footfall.ingest.read import SELECTED, read_files, ready_to_read
from footfall.ingest.record import IngestRecord
from footfall.object_store import data_path
from footfall.project.quarantine import rejected_rows
from footfall.project.records import INGESTED_FILES, record_table
from footfall.spark.conflicts import retry_conflicts
from footfall.spark.sql_text import text_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LoadedContent:
    """A file as one load had it.

    Args:
        path: where it lay.
        load_id: the load.
        sha256: of its content then.
        ingested_at: when its rows were loaded, UTC.
    """

    path: str
    load_id: int
    sha256: str
    ingested_at: datetime

    @property
    def condition(self) -> str:
        """The rows of it in bronze, as SQL."""
        return f"(_source_file = {text_literal(self.path)} and _load_id = {self.load_id})"


def files_with_rejects(record: IngestRecord) -> list[LoadedContent]:
    """Return the files of which staging rejected rows, in the order of their loads."""
    settings, spark, name = record.settings, record.spark, record.contract.name
    rejected = (
        rejected_rows(spark, settings, name)
        .groupBy("source_file", "load_id")
        .agg(F.min("ingested_at").alias("ingested_at"))
    )
    loaded = spark.table(record_table(INGESTED_FILES).name_in(settings)).where(
        (F.col("source") == name) & (F.col("status") == "loaded")
    )
    found = (
        rejected.join(loaded.select("source_file", "load_id", "sha256"), ["source_file", "load_id"])
        .orderBy("load_id", "source_file")
        .collect()
    )
    return [
        LoadedContent(row["source_file"], row["load_id"], row["sha256"], row["ingested_at"])
        for row in found
    ]


def read_again(record: IngestRecord, mapping_file: Path, *, dry_run: bool) -> list[str]:
    """Read the files with rejected rows by another mapping, in the place of their rows in bronze.

    The rows keep the numbers of their loads; the whole change is one commit.

    Args:
        record: of the entity, opened, while its lock is held.
        mapping_file: the corrected mapping.
        dry_run: read nothing; only see whether each file is there and fits.

    Returns:
        The paths of the files.

    Raises:
        UsageError: the mapping does not fit the contract.
        FootfallError: a file is gone or has another content, or it does not fit the mapping.
    """
    mapping = load_mapping(mapping_file, record.contract)
    plans: dict[LoadedContent, ReadPlan] = {}
    problems = []
    for content in files_with_rejects(record):
        try:
            plans[content] = _plan(record, content, mapping)
        except FileRejectedError as error:
            problems.append(str(error))
    if problems:
        raise FootfallError(
            "These files cannot be read again:\n  " + "\n  ".join(problems),
            "Put them back as they were, or have their rows delivered anew. Nothing was changed.",
        )
    if plans and not dry_run:
        _replace(record, plans, mapping)
        log.info("files_read_again", source=record.contract.name, files=len(plans))
    return [content.path for content in plans]


def _plan(record: IngestRecord, content: LoadedContent, mapping: Mapping) -> ReadPlan:
    """Return how a file is read.

    Raises:
        FileRejectedError: it is not as it was loaded, or does not fit the mapping.
    """
    file = data_path(content.path, record.settings)
    try:
        if sha256_of(file) != content.sha256:
            raise FileRejectedError(
                f"{content.path}: its content is another one than load {content.load_id} had."
            )
        shape = inspect(file, format_of(file, mapping.format), mapping.csv)
    except OSError as error:
        raise FileRejectedError(f"{content.path}: {error.strerror or error}.") from error
    return plan_read(file, shape, record.contract, mapping)


def _replace(record: IngestRecord, plans: dict[LoadedContent, ReadPlan], mapping: Mapping) -> None:
    """Put the rows that the files' loads would have had in the place of those in bronze."""
    session = ready_to_read(record.spark)

    def rows_of(content: LoadedContent, plan: ReadPlan) -> DataFrame:
        file = data_path(content.path, record.settings)
        return (
            read_files(session, [file], plan, record.contract, mapping)
            .where(SELECTED)
            .drop(SELECTED)
            .withColumn("_load_id", F.lit(content.load_id).cast("bigint"))
            .withColumn("_ingested_at", F.lit(content.ingested_at))
        )

    frames = [rows_of(content, plan) for content, plan in plans.items()]
    rows = reduce(lambda left, right: left.unionByName(right), frames)
    condition = " or ".join(content.condition for content in plans)

    def write() -> None:
        (
            rows.write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", condition)
            .option("mergeSchema", True)
            .saveAsTable(record.bronze)
        )

    retry_conflicts(write, record.bronze)
