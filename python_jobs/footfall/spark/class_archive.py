"""A class-data archive for Spark's Java: classes parsed once, shared by every later start.

A session's start loads some 20,000 classes. Java maps them from the archive in place of parsing
jars (JEP 310 and 350), which halves the start. Java refuses an archive whose jars or runtime have
changed, and starts without it; the file's name carries both, so that a changed one is made anew.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from footfall.settings import Settings

ARCHIVES = "class-archive"
SECONDS_TO_MAKE = 300


def archive_file(settings: Settings, java_home: Path, jars: list[Path]) -> Path:
    """Return where the archive of this Java and these jars lies, whether it exists or not.

    Args:
        settings: names the cache.
        java_home: the Java that Spark runs on.
        jars: Delta's jars.
    """
    digest = hashlib.sha256()
    for file in (java_home / "lib" / "modules", *jars, *_spark_jars()):
        state = file.stat() if file.exists() else None
        digest.update(f"{file} {state and (state.st_size, state.st_mtime_ns)}\n".encode())
    return settings.cache / ARCHIVES / f"{digest.hexdigest()[:16]}.jsa"


def _spark_jars() -> list[Path]:
    return sorted((Path(pyspark.__file__).parent / "jars").iterdir())


def archive_options(archive: Path) -> list[str]:
    """Return the options by which Java takes the archive where it exists; none where it does not.

    Args:
        archive: from :func:`archive_file`.
    """
    if not archive.is_file():
        return []
    files = [file for file in (base_of(archive), archive) if file.is_file()]
    return [f"-XX:SharedArchiveFile={os.pathsep.join(map(str, files))}"]


def base_of(archive: Path) -> Path:
    """Return where the archive of Java's own classes lies, for a runtime that ships none."""
    return archive.with_suffix(".base")


def ensure_archive(settings: Settings, archive: Path, java_home: Path) -> bool:
    """Make the archive where it is missing: a short Spark run, about half a minute.

    It is a matter of speed alone: where it cannot be made, Spark starts as before.

    Args:
        settings: names the cache.
        archive: from :func:`archive_file`; older ones beside it are deleted.
        java_home: the Java that Spark runs on.

    Returns:
        Whether the archive exists now.
    """
    if archive.is_file():
        return True
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        fresh = Path(folder) / "classes.jsa"
        environment = {
            **{key: value for key, value in os.environ.items() if key != "FOOTFALL_SPARK_LOG"},
            "FOOTFALL_HOME": str(Path(folder) / "home"),
            "FOOTFALL_CACHE": str(settings.cache),
            "FOOTFALL_JIT_LEVEL": "1",
            "FOOTFALL_DRIVER_MEMORY_GIB": "1",
        }
        base = base_of(archive)
        parts = [str(part) for part in (fresh, base, java_home)]
        command = [sys.executable, "-m", "footfall.spark.warm_up", *parts]
        if not _succeeds(command, environment) or not fresh.is_file():
            return False
        for old in archive.parent.iterdir():
            if old.is_file() and old != base:
                old.unlink(missing_ok=True)
        fresh.replace(archive)
    return True


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    """Run a command; in the end, and where it takes too long, nothing that it started is left."""
    with Path(os.devnull).open("r+b") as nothing:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
    try:
        return process.wait(SECONDS_TO_MAKE) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
