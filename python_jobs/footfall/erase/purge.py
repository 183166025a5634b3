"""Physical removal: no file of a table may show any more what its newest version does not hold.

VACUUM deletes data files. The Delta log keeps the smallest and largest value of each column for
them, names among them, in its commits; a checkpoint of the newest version replaces those.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from footfall.errors import FootfallError, UsageError
from footfall.maintain import vacuum_conf
from footfall.object_store import DataPath, files_in, named_by_spark
from footfall.settings import Settings
from footfall.spark.conf import temporary_conf
from footfall.spark.delta_log import LOG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES_AT_A_TIME = 4
LOG_FILE = re.compile(r"\.?(\d{20})\.")
PURGED_AT = "footfall.purged_at"


def purge_tables(
    spark: SparkSession,
    settings: Settings,
    tables: Sequence[str],
    purged: Callable[[str], None],
) -> None:
    """Remove all data files and log entries that only earlier versions of the tables need.

    Time travel to those versions is lost. Killed half-way it leaves tables that read as before; a
    second call ends it.

    Args:
        spark: the session; nothing else may read or write the tables meanwhile.
        settings: how many tasks run at a time, and the object store.
        tables: their qualified names.
        purged: called with each table's name when it is done.

    Raises:
        FootfallError: a table's log lies where this process cannot remove files.
    """
    conf = vacuum_conf(settings, checks_retention=False)
    with temporary_conf(spark, conf), ThreadPoolExecutor(TABLES_AT_A_TIME) as pool:
        for table in pool.map(lambda name: _purge_table(spark, settings, name), tables):
            purged(table)


def _purge_table(spark: SparkSession, settings: Settings, table: str) -> str:
    detail = spark.sql(f"describe detail {table}").first()
    assert detail is not None
    log_dir = log_dir_of(table, detail["location"], settings)
    # A row may have been deleted in a vector beside a file that still holds it.
    if "deletionVectors" in detail["tableFeatures"]:
        spark.sql(f"reorg table {table} apply (purge)")
    _vacuum(spark, table)
    # The log must end with a commit that describes no file: this one stays beside the checkpoint.
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    spark.sql(f"alter table {table} set tblproperties ('{PURGED_AT}' = '{now}')")
    _cut_log(spark, detail["location"], log_dir)
    return table


def _vacuum(spark: SparkSession, table: str) -> None:
    jvm = spark._jvm
    assert jvm is not None
    # Delta prints a count to Java's standard output, where --json has its place.
    nowhere = jvm.java.io.PrintStream(jvm.java.io.OutputStream.nullOutputStream())
    getattr(getattr(jvm.scala, "Console$"), "MODULE$").setOutDirect(nowhere)
    spark.sql(f"vacuum {table} retain 0 hours")


def log_dir_of(table: str, location: str, settings: Settings) -> DataPath:
    """Return the folder of a table's log.

    Args:
        table: its name, for the message.
        location: as ``describe detail`` names it.
        settings: the object store's endpoint and region.

    Raises:
        FootfallError: it lies neither on this machine nor in an object store.
    """
    try:
        return named_by_spark(location, settings) / LOG
    except UsageError as error:
        raise FootfallError(
            f"{table} lies at {location}, where footfall cannot remove log entries.",
            "Run VACUUM there, and remove the log files that are older than its newest checkpoint.",
        ) from error


def _cut_log(spark: SparkSession, location: str, log_dir: DataPath) -> None:
    """Write a checkpoint of the newest version and remove the log before it, oldest first.

    Whatever is left after a kill is then the log's end, from which Delta can read the table.
    """
    jvm = spark._jvm
    assert jvm is not None
    delta_log = jvm.org.apache.spark.sql.delta.DeltaLog
    path = jvm.org.apache.hadoop.fs.Path(location)
    delta_log.invalidateCache(spark._jsparkSession, path)
    log = delta_log.forTable(spark._jsparkSession, location)
    newest = log.unsafeVolatileSnapshot().version()
    log.checkpoint()
    files = sorted(files_in(log_dir), key=lambda file: file.name.lstrip("."))
    if not any(file.name.startswith(f"{newest:020}.checkpoint") for file in files):
        raise FootfallError(
            f"Delta wrote no checkpoint of version {newest} into {log_dir}.",
            "Run the same command again; no log file was removed.",
        )
    for file in files:
        numbered = LOG_FILE.match(file.name)
        if numbered and int(numbered.group(1)) < newest:
            file.unlink()
    delta_log.invalidateCache(spark._jsparkSession, path)


def sweep_tmp(spark: SparkSession, settings: Settings) -> None:
    """Remove Spark's temporary files of processes that were killed; the metastore admits one."""
    context = spark.sparkContext
    started_at = context.startTime / 1000
    for entry in (settings.home / "tmp").iterdir():
        if entry.is_dir() and entry.stat().st_mtime < started_at:
            shutil.rmtree(entry, ignore_errors=True)
