"""Spark's configuration: of one small machine, and of a cluster's driver."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.home import metastore
from footfall.settings import Settings
from footfall.spark.sizing import shuffle_partitions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The heap in huge pages, where the kernel grants them: fewer page faults, which a virtual machine
# pays for twice.
LINUX_JAVA_OPTIONS = ["-XX:+UseTransparentHugePages"] if sys.platform == "linux" else []

DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
LARGE_SHUFFLE_PARTITIONS = 64
"""As many as the checkpoints have buckets: a task then reads whole buckets."""
HMAC_BLOCK_BYTES = 64
MOST_OPEN_FILES = 200
"""Of a task that writes a file for each partition of a shuffle (Spark's own default)."""

LOG4J = """\
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
# A table that does not exist yet is no error: dbt and Delta ask before they create.
logger.hive.name = org.apache.hadoop.hive
logger.hive.level = fatal
logger.datanucleus.name = DataNucleus
logger.datanucleus.level = fatal
logger.windowexec.name = org.apache.spark.sql.execution.window.WindowExec
logger.windowexec.level = error
"""


FOR_TINY_TABLES = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""What pays where a query has few rows, and is one of many."""


def java_options(settings: Settings) -> list[str]:
    """Return the options of Spark's Java, but for its heap and its class-data archive.

    Args:
        settings: the home and how far Java compiles.
    """
    return [
        f"-Dderby.system.home={settings.home}",
        f"-Dlog4j2.configurationFile={(settings.home / 'conf' / 'log4j2.properties').as_uri()}",
        # Java replaces %p by the process, %% by a percent sign.
        f"-XX:ErrorFile={str(settings.home / 'logs').replace('%', '%%')}/java-crash-%p.log",
        "-XX:+UseParallelGC",
        f"-XX:TieredStopAtLevel={settings.jit_level}",
        # Below level 4 Java's default is 48 MB, which Spark's generated code fills in minutes.
        "-XX:ReservedCodeCacheSize=512m",
        *LINUX_JAVA_OPTIONS,
    ]


def session_conf(settings: Settings, jars: list[Path], archive: list[str]) -> dict[str, str]:
    """Return Spark's configuration: where it runs, where tables are, how it plans.

    Args:
        settings: home, cores and driver memory; a cluster and a metastore server, if any.
        jars: Delta's jars, for the class path.
        archive: Java's options for its class-data archive.
    """
    conf = FOR_TINY_TABLES if settings.tiny_tables else {}
    return conf | _driver(settings, jars, archive) | _catalog(settings) | _planning(settings)


def hash_key_conf(settings: Settings) -> dict[str, str]:
    """Return what the macro ``keyed_hash`` reads: the two padded keys of HMAC-SHA-256, as hex.

    It goes into a running session, never into a file. Source: RFC 2104, section 2.
    """
    if settings.hash_key is None:
        return {}
    key = settings.hash_key.get_secret_value().encode()
    block = hashlib.sha256(key).digest() if len(key) > HMAC_BLOCK_BYTES else key
    padded = block.ljust(HMAC_BLOCK_BYTES, b"\0")
    pads = {
        f"spark.footfall.hash.{name}": bytes(byte ^ pad for byte in padded).hex()
        for name, pad in (("inner", 0x36), ("outer", 0x5C))
    }
    # Plans that Spark shows or records have neither of the two.
    return pads | {"spark.sql.redaction.string.regex": f"[0-9A-Fa-f]{{{2 * HMAC_BLOCK_BYTES}}}"}


def _driver(settings: Settings, jars: list[Path], archive: list[str]) -> dict[str, str]:
    conf = {
        "spark.master": settings.spark_master or f"local[{settings.cores}]",
        "spark.app.name": "footfall",
        "spark.driver.memory": f"{settings.driver_memory_gib}g",
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in jars),
        "spark.driver.bindAddress": settings.driver_host,
        "spark.driver.host": settings.driver_host,
        "spark.driver.extraJavaOptions": shlex.join([*java_options(settings), *archive]),
        "spark.local.dir": str(settings.home / "tmp"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    return conf | (_executors(settings, jars) if settings.uses_cluster else {})


def _executors(settings: Settings, jars: list[Path]) -> dict[str, str]:
    conf = {
        # The driver hands them out: no executor needs a path of the driver's machine.
        "spark.jars": ",".join(jar.as_uri() for jar in jars),
        "spark.executor.extraJavaOptions": "-XX:+UseParallelGC",
    }
    if settings.executor_memory_gib:
        conf["spark.executor.memory"] = f"{settings.executor_memory_gib}g"
    if settings.executor_cores:
        conf["spark.executor.cores"] = str(settings.executor_cores)
    if settings.executors:
        conf["spark.executor.instances"] = str(settings.executors)
        # A stand-alone cluster counts cores in place of executors.
        conf["spark.cores.max"] = str(settings.task_slots)
    return conf


def _catalog(settings: Settings) -> dict[str, str]:
    conf = {
        "spark.sql.extensions": DELTA_EXTENSION,
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": settings.tables_at,
        # Hive would hand each new folder's path to a shell of Hadoop's as a pattern: chmod of `a*`.
        "spark.hadoop.hive.warehouse.subdir.inherit.perms": "false",
    }
    if not settings.uses_cluster:
        # Executors would need the class before they get jars.
        conf |= {
            "spark.hadoop.fs.file.impl": "footfall.PlainLocalFileSystem",
            "spark.hadoop.fs.AbstractFileSystem.file.impl": "footfall.PlainLocalFileSystem$Context",
        }
    if settings.uses_s3:
        conf |= _object_store(settings)
    if settings.metastore_uri:
        return conf | {"spark.hadoop.hive.metastore.uris": settings.metastore_uri}
    return conf | {"spark.hadoop.javax.jdo.option.ConnectionURL": metastore.URL}


def _object_store(settings: Settings) -> dict[str, str]:
    """Return how to reach S3. Credentials come from Amazon's own chain of providers."""
    s3a = "spark.hadoop.fs.s3a"
    conf = {
        f"{s3a}.endpoint.region": settings.s3_region,
        # The other reader of streams needs jars that would have to be fetched too.
        f"{s3a}.input.stream.type": "classic",
        # Delta's own is safe for one process only.
        "spark.delta.logStore.s3a.impl": "footfall.ConditionalPutLogStore",
    }
    if settings.s3_endpoint:
        conf |= {
            f"{s3a}.endpoint": settings.s3_endpoint,
            f"{s3a}.path.style.access": "true",
            f"{s3a}.connection.ssl.enabled": str(settings.s3_endpoint.startswith("https")).lower(),
        }
    return conf


def _planning(settings: Settings) -> dict[str, str]:
    by_cores = shuffle_partitions(settings.task_slots)
    partitions = 1 if settings.tiny_tables else settings.shuffle_partitions or by_cores
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.sources.default": "delta",
        # INT96, the default, is larger, and Parquet keeps no smallest and largest value of it.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        # A large shuffle is read in many tasks, so that each fits the memory; a small one's merge.
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(
            settings.shuffle_partitions or max(LARGE_SHUFFLE_PARTITIONS, partitions)
        ),
        "spark.shuffle.sort.bypassMergeThreshold": str(min(partitions, MOST_OPEN_FILES)),
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(
            max(4, settings.task_slots)
        ),
        # Of most keys there is one row: a sort before the shuffle would find few that it can drop.
        "spark.sql.optimizer.windowGroupLimitThreshold": "-1",
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "10000000",
        "spark.databricks.delta.snapshotPartitions": "1" if settings.tiny_tables else "2",
        "spark.databricks.delta.stats.skipping": str(settings.data_skipping).lower(),
        "spark.databricks.delta.stalenessLimit": "0",
        "spark.databricks.delta.vacuum.parallelDelete.enabled": "true",
        "spark.sql.streaming.metricsEnabled": "false",
    }


@contextmanager
def temporary_conf(spark: SparkSession, conf: Mapping[str, str]) -> Iterator[None]:
    """Set configuration of a session for a while.

    Args:
        spark: the session; other threads of it see the same.
        conf: keys and values.
    """
    before = {key: spark.conf.get(key, None) for key in conf}
    try:
        for key, value in conf.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, earlier in before.items():
            if earlier is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, earlier)
