"""Maintenance of the Delta tables: small files are merged, files of old versions deleted.

OPTIMIZE runs where Delta's log says that it pays, VACUUM never below the retention that readers
rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.object_store import named_by_spark
from footfall.project.dbt import parsed_manifest
from footfall.project.tables import Located, located_tables
from footfall.settings import Settings, get_settings
from footfall.spark.compaction import plan_compaction
from footfall.spark.conf import FOR_TINY_TABLES, temporary_conf
from footfall.spark.conflicts import run_statement
from footfall.spark.delta_log import read_delta_table
from footfall.spark.explain import first_sentence

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MINIMUM_RETENTION_HOURS = 168


log = structlog.get_logger(__name__)


class Maintained(BaseModel):
    """What was done to one table, or would be.

    Args:
        table: its qualified name.
        statement: the VACUUM.
        files: deleted by it.
        bytes: of these files.
        optimize: the OPTIMIZE; None where few files are small, or the log does not tell.
        files_before: of the newest version; None where only Spark can tell.
        files_after: the same after the OPTIMIZE, about so many where it was not run.
        bytes_before: of the newest version.
        bytes_after: the same after the OPTIMIZE; None where it was not run.
        problem: why the OPTIMIZE failed, which changed nothing.
    """

    table: str
    statement: str
    files: int = 0
    bytes: int = 0
    optimize: str | None = None
    files_before: int | None = None
    files_after: int | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    problem: str | None = None


def require_retention(retain_hours: int, *, force: bool) -> None:
    """Refuse a retention that readers cannot rely on.

    Raises:
        UsageError: retain_hours is negative, or below 168 without force.
    """
    if retain_hours < 0:
        raise UsageError(
            f"--retain-hours {retain_hours} is negative.", "Give 0 or more; Delta's default is 168."
        )
    if retain_hours < MINIMUM_RETENTION_HOURS and not force:
        raise UsageError(
            f"--retain-hours {retain_hours} is below {MINIMUM_RETENTION_HOURS}: running readers "
            "and time travel could lose their files.",
            "Keep 168 hours, or add --force if nothing else uses the tables.",
        )


def vacuum_conf(settings: Settings, *, checks_retention: bool) -> dict[str, str]:
    """Return what a session that runs VACUUM has to be set to.

    Args:
        settings: how many tasks run at a time.
        checks_retention: whether Delta refuses less than 168 hours.
    """
    tasks = str(settings.task_slots)
    return FOR_TINY_TABLES | {
        "spark.databricks.delta.retentionDurationCheck.enabled": str(checks_retention).lower(),
        # The log then says how many files were deleted; Delta does not write so on every storage.
        "spark.databricks.delta.vacuum.logging.enabled": "true",
        # VACUUM works on lists of file names, in dozens of jobs a table: what costs is the start
        # of their tasks and the code that is generated for each.
        "spark.sql.shuffle.partitions": tasks,
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": tasks,
    }


def maintain(
    spark: SparkSession,
    *,
    retain_hours: int = MINIMUM_RETENTION_HOURS,
    dry_run: bool = False,
    force: bool = False,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Maintained]:
    """Merge small files, then delete files that no table version of the last hours needs.

    Others may read and write the tables meanwhile. An OPTIMIZE that fails is reported, and changes
    nothing.

    Args:
        spark: the session.
        retain_hours: how long old versions stay readable; Delta's own default is 168.
        dry_run: say what would be done and change nothing.
        force: allow less than 168 hours. Running readers, streams and time travel may then fail.
        settings: names the schemas.
        progress: called with (done, total, table).

    Raises:
        UsageError: retain_hours is negative, or below 168 without force.
        FootfallError: dbt cannot read the project, whose models say how to cluster a table.
    """
    require_retention(retain_hours, force=force)
    settings = settings or get_settings()
    tables = located_tables(spark, settings)
    results = []
    for number, table in enumerate(tables):
        if progress:
            progress(number, len(tables), table.name)
        statement = f"VACUUM {table.name} RETAIN {retain_hours} HOURS"
        result = Maintained(table=table.name, statement=statement)
        _compact(spark, table, result, settings, dry_run=dry_run)
        with temporary_conf(spark, vacuum_conf(settings, checks_retention=not force)):
            _vacuum(spark, result, settings, dry_run=dry_run)
        results.append(result)
    return results


def _compact(
    spark: SparkSession,
    table: Located,
    result: Maintained,
    settings: Settings,
    *,
    dry_run: bool,
) -> None:
    before = read_delta_table(table.folder) if table.folder else None
    if before is None or before.files is None:
        return
    result.files_before = result.files_after = len(before.files)
    result.bytes_before = result.bytes_after = before.size_bytes
    plan = plan_compaction(table.name, before)
    if plan is None:
        return
    if columns := _clustering(settings.db_schema).get(table.name):
        plan = plan_compaction(table.name, before, columns) or plan
    result.optimize, result.files_after = plan.statement, plan.files_after
    if dry_run:
        result.bytes_after = None
        return
    try:
        with temporary_conf(spark, plan.conf):
            run_statement(spark, plan.statement)
    except Exception as error:
        result.problem = first_sentence(str(error))[0]
        result.files_after = result.files_before
        log.warning("table_not_compacted", table=table.name, reason=result.problem)
        return
    after = read_delta_table(table.folder) if table.folder else None
    if after and after.files is not None:
        result.files_after, result.bytes_after = len(after.files), after.size_bytes


@cache
def _clustering(_db_schema: str) -> Mapping[str, Sequence[str]]:
    """Return the columns by which models are clustered, by table of the schemas with this prefix.

    dbt takes seconds to read the project, and takes the prefix from the environment.
    """
    return {
        f"{node['schema']}.{node['alias']}": node["config"].get("meta", {}).get("zorder_by", [])
        for node in parsed_manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }


def _vacuum(spark: SparkSession, result: Maintained, settings: Settings, *, dry_run: bool) -> None:
    if dry_run:
        doomed = [row[0] for row in spark.sql(f"{result.statement} DRY RUN").collect() if row[0]]
        sizes = [_size(path, settings) for path in doomed]
        result.files, result.bytes = len(sizes), sum(sizes)
        return
    spark.sql(result.statement)
    history = spark.sql(f"describe history {result.table}").where("operation like 'VACUUM %'")
    metrics = {
        row["operation"]: row["operationMetrics"]
        for row in history.orderBy("version", ascending=False).limit(2).collect()
    }
    # A VACUUM that finds nothing to delete writes no commit on some storage.
    if {"VACUUM START", "VACUUM END"} <= set(metrics):
        result.files = int(metrics["VACUUM END"]["numDeletedFiles"])
        result.bytes = int(metrics["VACUUM START"]["sizeOfDataToDelete"])


def _size(path: str, settings: Settings) -> int:
    """Return the bytes of a file; 0 where it has gone meanwhile, or lies where only Spark reads."""
    try:
        return named_by_spark(path, settings).stat().st_size
    except (OSError, UsageError):
        return 0
