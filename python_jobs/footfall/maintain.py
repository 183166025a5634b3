"""Maintenance of the Delta tables: VACUUM, never below the retention that readers rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.project.tables import list_tables
from footfall.settings import Settings, get_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MINIMUM_RETENTION_HOURS = 168
RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


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
    tables = [name for _, name in list_tables(spark, settings or get_settings())]
    spark.conf.set(RETENTION_CHECK, str(not force).lower())
    results = []
    try:
        for number, table in enumerate(tables):
            if progress:
                progress(number, len(tables), table)
            statement = f"VACUUM {table} RETAIN {retain_hours} HOURS"
            doomed = [row[0] for row in spark.sql(f"{statement} DRY RUN").collect() if row[0]]
            if not dry_run:
                spark.sql(statement)
            results.append(VacuumResult(table=table, statement=statement, files=len(doomed)))
    finally:
        spark.conf.unset(RETENTION_CHECK)
    return results
