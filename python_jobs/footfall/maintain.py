"""Maintenance of the Delta tables: VACUUM, never below the retention that readers rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.project.tables import list_tables
from footfall.settings import Settings, get_settings
from footfall.spark.conf import FOR_TINY_TABLES, temporary_conf

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MINIMUM_RETENTION_HOURS = 168


class VacuumResult(BaseModel):
    """What VACUUM did, or would do, to one table."""

    table: str
    statement: str
    files: int


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


def vacuum(
    spark: SparkSession,
    *,
    retain_hours: int = MINIMUM_RETENTION_HOURS,
    dry_run: bool = False,
    force: bool = False,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[VacuumResult]:
    """Delete files that no table version of the last ``retain_hours`` needs.

    Args:
        spark: the session.
        retain_hours: how long old versions stay readable; Delta's own default is 168.
        dry_run: count the files and delete nothing.
        force: allow less than 168 hours. Running readers, streams and time travel may then fail.
        settings: names the schemas.
        progress: called with (done, total, table).

    Raises:
        UsageError: retain_hours is negative, or below 168 without force.
    """
    require_retention(retain_hours, force=force)
    settings = settings or get_settings()
    tables = [name for _, name in list_tables(spark, settings)]
    results = []
    with temporary_conf(spark, vacuum_conf(settings, checks_retention=not force)):
        for number, table in enumerate(tables):
            if progress:
                progress(number, len(tables), table)
            statement = f"VACUUM {table} RETAIN {retain_hours} HOURS"
            if dry_run:
                doomed = spark.sql(f"{statement} DRY RUN").collect()
                files = sum(bool(row[0]) for row in doomed)
            else:
                spark.sql(statement)
                files = _deleted_files(spark, table)
            results.append(VacuumResult(table=table, statement=statement, files=files))
    return results


def _deleted_files(spark: SparkSession, table: str) -> int:
    """Return how many files the newest VACUUM of a table deleted."""
    history = spark.sql(f"describe history {table}")
    last = history.where("operation = 'VACUUM END'").orderBy("version", ascending=False).first()
    return int(last["operationMetrics"]["numDeletedFiles"]) if last else 0
