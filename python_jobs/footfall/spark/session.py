"""The one Spark session: dbt and every job get theirs from here.

Spark reads its configuration from a ``spark-defaults.conf`` that :func:`prepare` writes, so that a
session comes out the same whether dbt-spark's ``session`` method starts it or :func:`get_session`.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from footfall import interrupts
from footfall.errors import FootfallError
from footfall.home.checks import check_folders, check_metastore
from footfall.home.metastore import IN_USE, in_use
from footfall.paths import property_line
from footfall.settings import Settings, get_settings
from footfall.spark.class_archive import archive_file, archive_options, ensure_archive
from footfall.spark.explain import explain, silence_spark
from footfall.spark.jars import ensure_jars
from footfall.spark.java import find_java_home, quiet_java_home
from footfall.spark.shared import (
    POLL_SECONDS,
    describe,
    find_holder,
    hold,
    holder_ended,
    is_guest,
    join,
    serve,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_lock = threading.Lock()
_opening = threading.Lock()
_prepared_home: Path | None = None

# The heap in huge pages, where the kernel grants them: fewer page faults, which a virtual machine
# pays for twice.
LINUX_JAVA_OPTIONS = ["-XX:+UseTransparentHugePages"] if sys.platform == "linux" else []

LARGE_SHUFFLE_PARTITIONS = 64
"""As many as the checkpoints have buckets: a task then reads whole buckets."""

LARGEST_LOG_BYTES = 10 * 1024**2

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
    """Return Spark's configuration for one small machine.

    Args:
        settings: home, cores and driver memory.
        jars: Delta's jars, for the class path.
        archive: Java's options for its class-data archive.
    """
    home = settings.home
    shuffle_partitions = 1 if settings.tiny_tables else max(4, 2 * settings.cores)
    return (FOR_TINY_TABLES if settings.tiny_tables else {}) | {
        "spark.master": f"local[{settings.cores}]",
        "spark.app.name": "footfall",
        "spark.driver.memory": f"{settings.driver_memory_gib}g",
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in jars),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": shlex.join([*java_options(settings), *archive]),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(settings.warehouse),
        # Below derby.system.home: a path in this URL would end at a semicolon.
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            "jdbc:derby:;databaseName=metastore;create=true"
        ),
        # Hive would hand each new folder's path to a shell of Hadoop's as a pattern: chmod of `a*`.
        "spark.hadoop.hive.warehouse.subdir.inherit.perms": "false",
        "spark.local.dir": str(home / "tmp"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.sources.default": "delta",
        "spark.sql.shuffle.partitions": str(shuffle_partitions),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        # A large shuffle is read in many tasks, so that each fits the memory; a small one's merge.
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(
            max(LARGE_SHUFFLE_PARTITIONS, shuffle_partitions)
        ),
        "spark.shuffle.sort.bypassMergeThreshold": str(shuffle_partitions),
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "10000000",
        "spark.databricks.delta.snapshotPartitions": "1" if settings.tiny_tables else "2",
        "spark.databricks.delta.stats.skipping": str(settings.data_skipping).lower(),
        "spark.databricks.delta.stalenessLimit": "0",
        "spark.databricks.delta.vacuum.parallelDelete.enabled": "true",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }


def prepare(settings: Settings | None = None) -> Settings:
    """Make everything that Spark needs to start: Java, Delta's jars, configuration, environment.

    Cheap after the first call of a process; safe to call from several threads.

    Raises:
        FootfallError: no Java or jars can be had, or the home folder is not writable.
    """
    global _prepared_home
    settings = settings or get_settings()
    with _lock:
        if _prepared_home == settings.home:
            return settings
        try:
            conf_dir = settings.home / "conf"
            empty_conf_dir = settings.cache / "conf"
            conf_dir.mkdir(parents=True, exist_ok=True)
            for folder in (settings.home / "tmp", settings.home / "logs", empty_conf_dir):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            setting = "HOME" if str(settings.home) in str(error.filename) else "CACHE"
            raise FootfallError(
                f"FOOTFALL_{setting}: {error.filename} cannot be written: {error.strerror}.",
                f"Set FOOTFALL_{setting} to a folder that you can write to.",
            ) from error
        java_home = find_java_home()
        jars = ensure_jars(settings, java_home)
        archive = archive_options(archive_file(settings, java_home, jars))
        conf = session_conf(settings, jars, archive)
        lines = [property_line(key, value) for key, value in conf.items()]
        _write_if_changed(conf_dir / "spark-defaults.conf", "".join(lines))
        _write_if_changed(conf_dir / "log4j2.properties", LOG4J)
        os.environ["JAVA_HOME"] = str(quiet_java_home(settings, java_home))
        # On the class path, where Java accepts a class-data archive only beside an empty folder.
        os.environ["SPARK_CONF_DIR"] = str(empty_conf_dir)
        os.environ["PYSPARK_SUBMIT_ARGS"] = submit_arguments(
            conf_dir / "spark-defaults.conf", os.environ.get("PYSPARK_SUBMIT_ARGS")
        )
        os.environ["FOOTFALL_SPARK_LOG"] = str(spark_log(settings))
        if os.environ.get("LC_ALL") in ("C", "POSIX"):
            # By it Java reads the names of files; Python takes UTF-8 anyway.
            os.environ["LC_ALL"] = "C.UTF-8"
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        os.environ["FOOTFALL_HOME"] = str(settings.home)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        _prepared_home = settings.home
    return settings


def prepare_archive(settings: Settings) -> bool:
    """Make Java's class-data archive where it is missing, and return whether there is one now.

    FOOTFALL_CLASS_ARCHIVE=false makes none.
    """
    if not settings.class_archive:
        return False
    java_home = find_java_home()
    jars = ensure_jars(settings, java_home)
    return ensure_archive(settings, archive_file(settings, java_home, jars), java_home)


def submit_arguments(properties: Path, given: str | None) -> str:
    """Return PYSPARK_SUBMIT_ARGS with footfall's properties file before what was given.

    Args:
        properties: the file that :func:`prepare` writes.
        given: the variable as it was; a properties file of an earlier call is replaced.
    """
    arguments = shlex.split(given or "pyspark-shell")
    if arguments[0] == "--properties-file":
        arguments = arguments[2:]
    return shlex.join(["--properties-file", str(properties), *arguments])


def spark_log(settings: Settings) -> Path:
    """Return the file that takes what Java prints; a large one is set aside first."""
    file = settings.home / "logs" / "spark.log"
    if file.is_file() and file.stat().st_size > LARGEST_LOG_BYTES:
        file.replace(file.with_suffix(".log.1"))
    return file


def _write_if_changed(file: Path, text: str) -> None:
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)


def get_session(
    settings: Settings | None = None,
    *,
    join_others: bool = False,
    serves: bool = False,
    waits: bool = False,
    repairs: bool = False,
    say: Callable[[str], None] | None = None,
) -> SparkSession:
    """Return the process's Spark session with Delta, started on the first call.

    Args:
        settings: the home; the process's own by default.
        join_others: where another process serves its Spark on this home, work in a session of
            one's own there. Streaming and Java objects are then out of reach.
        serves: let other processes work in this one's Spark from now on. Such a process calls
            ``await_guests`` before it ends.
        waits: where another process has Spark for itself, wait until it ends.
        repairs: open a home that was moved or lost its metastore too; nothing was asked of the
            catalog yet.
        say: called with a line where there is something to wait for.

    Raises:
        FootfallError: Spark cannot start, another process holds the metastore, or the home was
            moved or copied, or lost its metastore.
    """
    settings = prepare(settings)
    home = settings.home
    # Two threads of dbt may come here at once: one opens, the other finds it open.
    with _opening:
        while is_guest(home) or not hold(home, serves=serves):
            session = join(home, say) if join_others else None
            if session is not None:
                return session
            if is_guest(home):
                raise holder_ended()
            holder = find_holder(home)
            if holder and not waits:
                raise in_use(home, describe(holder))
            if holder and say:
                say(f"Waiting for {describe(holder)}, which has Spark to itself.")
                say = None
            time.sleep(POLL_SECONDS)
        return _own_session(home, serves, repairs)


def _own_session(home: Path, serves: bool, repairs: bool) -> SparkSession:
    from pyspark.sql import SparkSession

    if not repairs:
        check_folders(home)
    silence_spark()
    try:
        # Spark sets a handler of its own for Ctrl-C.
        with interrupts.kept():
            session = SparkSession.builder.enableHiveSupport().getOrCreate()
        if repairs:
            return session
        check_metastore(session, home)
        session.sql("show databases").collect()
    except FootfallError:
        raise
    except Exception as error:
        raise explain_start_failure(error) from error
    if serves:
        serve(session, home)
    return session


def explain_start_failure(error: Exception) -> FootfallError:
    """Return a readable error for a session whose metastore could not be opened."""
    text = str(error)
    home = get_settings().home
    signs = (IN_USE, "Another instance of Derby", "SessionHiveMetaStoreClient")
    if any(sign in text for sign in signs):
        return in_use(home)
    told = explain(error)
    return FootfallError(
        f"Spark could not start: {told.message}",
        f"Run `footfall doctor`; Java's own messages are in {home / 'logs' / 'spark.log'}.",
    )
