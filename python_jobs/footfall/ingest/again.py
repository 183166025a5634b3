"""Files that a wrong mapping spoilt, read again by another one in the place of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pyspark.sql import functions as F

from footfall.checksum import sha256_of
from footfall.errors import FootfallError
from footfall.ingest.files import FileRejectedError, format_of, inspect, plan_read
from footfall.ingest.mapping import Mapping, load_mapping
from footfall.ingest.read import SELECTED, read_files, ready_to_read
from footfall.ingest.record import IngestRecord
from footfall.object_store import data_path
from footfall.project.records import INGESTED_FILES, record_table
from footfall.spark.conflicts import retry_conflicts
from footfall.spark.sql_text import text_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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
    settings, spark = record.settings, record.spark
    quarantine = f"{settings.schema_of('quality')}.dq_quarantine"
    rejected = (
        spark.table(quarantine)
        .where(F.col("source") == record.contract.name)
        .groupBy("source_file", "load_id")
        .agg(F.min("ingested_at").alias("ingested_at"))
    )
    files = record_table(INGESTED_FILES).name_in(settings)
    loaded = spark.table(files).where(
        (F.col("source") == record.contract.name) & (F.col("status") == "loaded")
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
    contents = files_with_rejects(record)
    problems = [problem for content in contents if (problem := _problem(record, content, mapping))]
    if problems:
        raise FootfallError(
            "These files cannot be read again:\n  " + "\n  ".join(problems),
            "Put them back as they were, or have their rows delivered anew. Nothing was changed.",
        )
    if contents and not dry_run:
        _replace(record, contents, mapping)
        log.info("files_read_again", source=record.contract.name, files=len(contents))
    return [content.path for content in contents]


def _problem(record: IngestRecord, content: LoadedContent, mapping: Mapping) -> str | None:
    try:
        file = data_path(content.path, record.settings)
        if sha256_of(file) != content.sha256:
            return f"{content.path}: its content is another one than load {content.load_id} had."
        shape = inspect(file, format_of(file, mapping.format), mapping.csv)
        plan_read(file, shape, record.contract, mapping)
    except OSError as error:
        return f"{content.path}: {error.strerror or error}."
    except FileRejectedError as error:
        return str(error)
    return None


def _replace(record: IngestRecord, contents: Sequence[LoadedContent], mapping: Mapping) -> None:
    frames = list(_rows(record, contents, mapping))
    rows = reduce(lambda left, right: left.unionByName(right), frames)
    condition = " or ".join(content.condition for content in contents)

    def write() -> None:
        (
            rows.write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", condition)
            .option("mergeSchema", True)
            .saveAsTable(record.bronze)
        )

    retry_conflicts(write, record.bronze)


def _rows(
    record: IngestRecord, contents: Sequence[LoadedContent], mapping: Mapping
) -> Iterator[DataFrame]:
    """Yield the rows of each file as its load would have had them."""
    session: SparkSession = ready_to_read(record.spark)
    for content in contents:
        file = data_path(content.path, record.settings)
        shape = inspect(file, format_of(file, mapping.format), mapping.csv)
        plan = plan_read(file, shape, record.contract, mapping)
        rows = read_files(session, [file], plan, record.contract, mapping)
        yield (
            rows.where(SELECTED)
            .drop(SELECTED)
            .withColumn("_load_id", F.lit(content.load_id).cast("bigint"))
            .withColumn("_ingested_at", F.lit(content.ingested_at))
        )
