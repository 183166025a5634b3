"""Commands in a new shell: ``python -m benchmarks.cold_start --json FILE``.

`footfall status`, `dbt build` with nothing new, and a count, on the demo's tables. Each
run is a process of its own, with a Java of its own. The time ends when the command does, the
processor time when its Java has ended too. The engines are footfall as it is, footfall
without its class-data archive and, with `--before`, an older checkout on a copy of the same tables.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import (
    PROGRESS,
    Row,
    busy_seconds,
    foreign_share,
    temporary_home,
    write_report,
)
from footfall.settings import PROJECT_DIR, get_settings
from footfall.spark.class_archive import ARCHIVES

PR_SET_CHILD_SUBREAPER = 36
STATUS, BUILD, NO_ARCHIVE = "footfall status", "dbt build, nothing new", "footfall, no archive"
COMMANDS = {
    "footfall query, a count": (
        "footfall", "query", "select count(*) from footfall_gold.fct_sessions",
    ),
    "footfall query, a count by Spark": (
        "footfall", "query", "--engine", "spark", "select count(*) from footfall_gold.fct_sessions",
    ),
    STATUS: ("footfall", "status"),
    BUILD: ("dbt", "--quiet", "build"),
}  # fmt: skip


@dataclass(frozen=True)
class Engine:
    """A checkout with its virtual environment, and the cache that its Java starts from."""

    name: str
    project: Path
    cache: Path
    home: Path


@dataclass(frozen=True)
class Run:
    """What one command took, in seconds.

    ``foreign_load`` is the share of the cores' time that went to other processes, 0 to 1.
    """

    seconds: float
    cpu_seconds: float
    foreign_load: float


def run_command(engine: Engine, command: tuple[str, ...], folder: Path) -> Run:
    """Run a command to its end, and wait for the Java that outlives it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {
        "FOOTFALL_HOME": str(engine.home),
        "FOOTFALL_CACHE": str(engine.cache),
        "DBT_TARGET_PATH": str(folder / f"target-{engine.home.name}"),
        "DBT_PROJECT_DIR": str(engine.project),
        "DBT_PROFILES_DIR": str(engine.project),
    }
    program = engine.project / ".venv" / "bin" / command[0]
    busy, started = busy_seconds(), time.perf_counter()
    subprocess.run(
        [str(program), *command[1:]],
        cwd=engine.project,
        env=environment,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    foreign = foreign_share(busy_seconds() - busy, cpu, time.perf_counter() - started)
    return Run(seconds, cpu, foreign)


def measure_engines(engines: list[Engine], runs: int, folder: Path) -> list[Row]:
    """Measure the commands by the engines, taking turns; a turn before warms the disk's cache."""
    for engine in engines:
        run_command(engine, COMMANDS[STATUS], folder)
    rows = []
    for step, command in COMMANDS.items():
        # The build takes minutes, of which Java's start is little.
        taking_part = [engine for engine in engines if step != BUILD or engine.name != NO_ARCHIVE]
        found: dict[str, list[Run]] = {engine.name: [] for engine in taking_part}
        for _ in range(runs):
            for engine in taking_part:
                run = run_command(engine, command, folder)
                PROGRESS.log(f"{step}, {engine.name}: {run.seconds:.1f} s")
                found[engine.name].append(run)
        for name, taken in found.items():
            ordered = sorted(run.seconds for run in taken)
            rows.append(
                Row(
                    step=step,
                    engine=name,
                    seconds=round(ordered[runs // 2], 2),
                    runs=[round(run.seconds, 2) for run in taken],
                    cpu_seconds=round(sorted(run.cpu_seconds for run in taken)[runs // 2], 2),
                    foreign_load=sorted(run.foreign_load for run in taken)[runs // 2],
                )
            )
    return rows


def main(
    before: Annotated[
        Path | None, typer.Option(help="An older checkout, set up, to measure beside this one.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each command, an odd number.")] = 5,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure commands that start Spark, with and without the class-data archive.

    Example: `python -m benchmarks.cold_start --runs 3`
    """
    if sys.platform == "linux":
        # A Java whose command has ended becomes this process's child, which waits for it.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    os.environ["FOOTFALL_JIT_LEVEL"] = "1"
    with temporary_home() as folder:
        settings = get_settings()
        now = Engine("footfall", PROJECT_DIR, settings.cache, settings.home)
        demo = ("footfall", "demo")
        run_command(now, demo, folder)
        bare = folder / "cache without an archive"
        shutil.copytree(settings.cache, bare, ignore=shutil.ignore_patterns(ARCHIVES, "ivy"))
        engines = [now, Engine(NO_ARCHIVE, PROJECT_DIR, bare, settings.home)]
        if before:
            home = folder / "before"
            older = Engine("before", before.absolute(), before / ".footfall" / "cache", home)
            run_command(older, demo, folder)
            engines.append(older)
        rows = measure_engines(engines, runs, folder)
    write_report("cold_start", rows, json)


if __name__ == "__main__":
    typer.run(main)
