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
from footfall.atomic import write_atomically
from footfall.errors import FootfallError, UsageError
from footfall.home.checks import check_folders, check_metastore
from footfall.home.metastore import IN_USE, in_use
from footfall.paths import property_line
from footfall.settings import Settings, get_settings
from footfall.spark.class_archive import archive_file, archive_options, ensure_archive
from footfall.spark.conf import LOG4J, session_conf
from footfall.spark.explain import explain, silence_spark
from footfall.spark.jars import ensure_jars
from footfall.spark.java import find_java_home, quiet_java_home
from footfall.spark.shared import (
    POLL_SECONDS,
    describe,
    find_holder,
    find_server,
    hold,
    holder_ended,
    is_guest,
    join,
    remote_url,
    serve,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_lock = threading.Lock()
_opening = threading.Lock()
_prepared_home: Path | None = None
_served: dict[Path, str] = {}
"""The metastore servers by which this process opened homes: it keeps to them."""

LARGEST_LOG_BYTES = 10 * 1024**2


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
        conf = session_conf(with_catalog(settings), jars, archive)
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
        os.environ["SPARK_LOCAL_IP"] = settings.driver_host
        os.environ["FOOTFALL_HOME"] = str(settings.home)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        _prepared_home = settings.home
    return settings


def with_catalog(settings: Settings) -> Settings:
    """Return the settings with the metastore server that runs on the home, where one does.

    Args:
        settings: a server that they name themselves stays.
    """
    uri = settings.metastore_uri or _served.get(settings.home)
    if not uri and (server := find_server(settings.home)):
        uri = server.uri
    return settings.model_copy(update={"metastore_uri": uri})


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
        write_atomically(file, text)


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
        UsageError: SPARK_REMOTE names a server, and the caller needs more than a client has.
        FootfallError: Spark cannot start, another process holds the metastore, or the home was
            moved or copied, or lost its metastore; on Databricks, the catalog cannot be used.
    """
    settings = settings or get_settings()
    if settings.databricks_runtime:
        return _session_of_databricks(settings)
    if url := remote_url(settings.home):
        return _connect_to(url, join_others)
    prepare(settings)
    home = settings.home
    if uri := with_catalog(settings).metastore_uri:
        if repairs:
            raise FootfallError(
                f"The metastore is served at {uri}; a repair needs it for itself.",
                "Run `footfall metastore stop` first, or unset FOOTFALL_METASTORE_URI.",
            )
        with _opening:
            _served[home] = uri
            return _start(_ask_catalog)
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


def _session_of_databricks(settings: Settings) -> SparkSession:
    """Return the session of the Databricks cluster that this process runs on, in its catalog."""
    from pyspark.sql import SparkSession

    silence_spark()
    session = SparkSession.builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    # As dbt-spark sets it: the tables are the same whichever of the two asks.
    session.conf.set("spark.sql.ansi.enabled", "false")
    if session.catalog.currentCatalog() != settings.databricks_catalog:
        try:
            session.catalog.setCurrentCatalog(settings.databricks_catalog)
        except Exception as error:
            raise FootfallError(
                f"DATABRICKS_CATALOG={settings.databricks_catalog} cannot be used: "
                f"{explain(error).message}",
                "Set it to a catalog that exists and that this job may use.",
            ) from error
    return session


def _connect_to(url: str, is_enough: bool) -> SparkSession:
    """Connect to a Spark of the user's own, in which the user prepared catalog and Delta."""
    from pyspark.sql import SparkSession

    where = url.split(";")[0]
    if not is_enough:
        raise UsageError(
            f"SPARK_REMOTE={where} is a Spark Connect server; this command streams or calls Java, "
            "which no client of one can.",
            "Unset SPARK_REMOTE, and name the cluster by FOOTFALL_SPARK_MASTER.",
        )
    silence_spark()
    try:
        session = SparkSession.builder.remote(url).getOrCreate()
        _ask_catalog(session)
    except Exception as error:
        raise FootfallError(
            f"The Spark Connect server {where} does not answer: {explain(error).message}",
            "Check SPARK_REMOTE and that the server runs.",
        ) from error
    return session


def _own_session(home: Path, serves: bool, repairs: bool) -> SparkSession:
    if repairs:
        return _start(lambda _session: None)
    check_folders(home)

    def first_use(session: SparkSession) -> None:
        check_metastore(session, home)
        _ask_catalog(session)

    session = _start(first_use)
    if serves:
        serve(session, home)
    return session


def _ask_catalog(session: SparkSession) -> None:
    session.sql("show databases").collect()


def _start(first_use: Callable[[SparkSession], None]) -> SparkSession:
    """Start the session, or take the one that runs.

    Args:
        first_use: called with the session, which has not used its catalog yet.
    """
    from pyspark.sql import SparkSession

    silence_spark()
    try:
        # Spark sets a handler of its own for Ctrl-C.
        with interrupts.kept():
            session = SparkSession.builder.enableHiveSupport().getOrCreate()
        first_use(session)
    except FootfallError:
        raise
    except Exception as error:
        raise explain_start_failure(error) from error
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
