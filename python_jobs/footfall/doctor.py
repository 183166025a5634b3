"""Is this machine ready? Each check says what it found and, where it fails, the fix."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from footfall.errors import FootfallError
from footfall.settings import Settings, usable_cores, usable_memory_gib
from footfall.spark.explain import explain
from footfall.spark.jars import missing_jars
from footfall.spark.java import find_java_home, java_major
from footfall.spark.shared import await_metastore, find_holder, find_server

MINIMUM_MEMORY_GIB = 4
MINIMUM_DISK_GIB = 2


class Check(BaseModel):
    """One check's result."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def check_python(settings: Settings) -> Check:
    return Check(
        name="Python",
        ok=(3, 10) <= sys.version_info < (3, 14),
        found=f"{platform.python_version()} at {sys.executable}",
        fix="Install Python 3.10 to 3.13 and run `make setup`.",
    )


def check_packages(settings: Settings) -> Check:
    expected = {"dbt-core": "1.11.", "dbt-spark": "1.10.", "pyspark": "4.2.", "delta-spark": "4.4."}
    found, wrong = [], []
    for package, prefix in expected.items():
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = "missing"
        found.append(f"{package} {installed}")
        if not installed.startswith(prefix):
            wrong.append(f"{package} {prefix}x")
    return Check(
        name="Packages",
        ok=not wrong,
        found=", ".join(found),
        fix=f"Expected {', '.join(wrong)}: run `make setup`.",
    )


def check_java(settings: Settings) -> Check:
    try:
        home = find_java_home()
    except FootfallError as error:
        return Check(name="Java", ok=False, found=error.message, fix=error.fix)
    major = java_major(home / "bin" / "java")
    return Check(
        name="Java",
        ok=major is not None,
        found=f"{major} at {home}",
        fix="Run `make setup`, or set JAVA_HOME to Java 17 or 21.",
    )


def check_jars(settings: Settings) -> Check:
    missing = [jar.file_name for jar in missing_jars(settings)]
    found = f"{settings.jars}, missing: {', '.join(missing)}" if missing else str(settings.jars)
    return Check(
        name="Delta's jars",
        ok=not missing,
        found=found,
        fix="Run `make setup` (FOOTFALL_IVY_SETTINGS names a mirror).",
    )


def check_memory(settings: Settings) -> Check:
    total = usable_memory_gib()
    return Check(
        name="Memory",
        ok=total >= MINIMUM_MEMORY_GIB and settings.driver_memory_gib < total,
        found=f"{total:.1f} GiB, of which Spark takes {settings.driver_memory_gib} GiB "
        f"on {settings.cores} of {usable_cores()} cores",
        fix=f"footfall needs {MINIMUM_MEMORY_GIB} GiB; lower FOOTFALL_DRIVER_MEMORY_GIB.",
    )


def check_home(settings: Settings) -> Check:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        return Check(
            name="FOOTFALL_HOME",
            ok=False,
            found=f"{settings.home}: {error.strerror}",
            fix="Set FOOTFALL_HOME to a folder that you can write to.",
        )
    free = shutil.disk_usage(settings.home).free / 1024**3
    return Check(
        name="FOOTFALL_HOME",
        ok=free >= MINIMUM_DISK_GIB,
        found=f"{settings.home} is writable, {free:.0f} GiB free",
        fix=f"Free {MINIMUM_DISK_GIB} GiB, or set FOOTFALL_HOME to another disk.",
    )


def check_metastore(settings: Settings) -> Check:
    server = find_server(settings.home)
    if uri := settings.metastore_uri or (server and server.uri):
        return Check(name="Metastore", ok=True, found=f"served at {uri}")
    if find_holder(settings.home) is None:
        with suppress(FootfallError):
            await_metastore(settings.home)
    lock = settings.home / "metastore" / "db.lck"
    holders = [process for process in _open_by(lock) if process != os.getpid()]
    return Check(
        name="Metastore",
        ok=not holders,
        found=f"in use by process {holders[0]}" if holders else "free",
        fix="The embedded metastore serves one process at a time: wait for that one or stop it.",
    )


def _open_by(file: Path) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        try:
            if any(opened.path.startswith(f"{file.parent}/") for opened in process.open_files()):
                yield process.pid
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue


def check_spark(settings: Settings) -> Check:
    from footfall.spark.session import get_session

    try:
        session = get_session(settings)
        answer = session.sql("select version()").first()
    except Exception as error:
        told = explain(error)
        return Check(
            name="Spark",
            ok=False,
            found=told.message,
            fix=told.fix or "Fix what failed above, then run `footfall doctor` again.",
        )
    return Check(name="Spark", ok=True, found=f"started: {answer[0] if answer else ''}")


def check_storage(settings: Settings) -> Check:
    """Let every task write a part of a table to where tables lie, and the driver read them all.

    A folder that each machine of a cluster has for itself fails here, and not in a build.
    """
    from footfall.spark.session import get_session

    session = get_session(settings)
    context: Any = session.sparkContext._jsc  # type: ignore[attr-defined]
    folder = f"{settings.tables_at}/.doctor-{os.getpid()}"
    path = session.sparkContext._jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]
    tasks = max(settings.task_slots, 2)
    try:
        session.range(tasks, numPartitions=tasks).write.format("delta").save(folder)
        table = session.read.format("delta").load(folder)
        rows, files = table.count(), len(table.inputFiles())
    except Exception as error:
        told = explain(error)
        return Check(
            name="Storage",
            ok=False,
            found=f"{settings.tables_at}: {told.message}",
            fix="Name a folder that all machines share, or a bucket that the credentials open.",
        )
    finally:
        with suppress(Exception):
            path.getFileSystem(context.hadoopConfiguration()).delete(path, True)
    # The driver counts as one of them.
    executors = context.sc().getExecutorMemoryStatus().size() - 1
    where = f" by {executors} executors of {settings.spark_master}" if settings.uses_cluster else ""
    return Check(
        name="Storage",
        ok=rows == files == tasks and (executors > 0 or not settings.uses_cluster),
        found=f"{settings.tables_at}: {files} of {tasks} files written{where}",
        fix="Name a folder that all machines share, and executors that the cluster has.",
    )


CHECKS: tuple[Callable[[Settings], Check], ...] = (
    check_python,
    check_packages,
    check_java,
    check_jars,
    check_memory,
    check_home,
    check_metastore,
    check_spark,
    check_storage,
)


def run_checks(settings: Settings) -> Iterator[Check]:
    """Run all checks in order; Spark's come last, each only where all before it is well.

    Storage is tried where it may be out of reach: for a cluster, and in an object store.
    """
    all_well = True
    for check in CHECKS:
        if check in (check_spark, check_storage) and not all_well:
            return
        if check is check_storage and not (settings.uses_cluster or settings.uses_s3):
            return
        result = check(settings)
        all_well = all_well and result.ok
        yield result
