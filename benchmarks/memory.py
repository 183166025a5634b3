"""Sessions and a training day under small heaps: ``python -m benchmarks.memory --json FILE``.

Java has a heap of `--heap` GiB, on two cores; `sequences-1.0` has the training day with 8. At scale
1.0, 20 million interactions of a month become sessions, as in `benchmarks.sessions`, by DuckDB
(beside the heap) and by Spark, and a day of a shop with 10 million customers becomes training
sequences, as in `benchmarks.sequences`. `MiB spilled` is what tasks wrote to disk since memory was
full, by Spark's event log; a step that runs out of memory ends the benchmark.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.event_log import log_events, read_events, tasks_of
from benchmarks.harness import Row, Work, in_own_process, measure, temporary_home, write_report
from benchmarks.interactions import Interactions, use_two_cores
from benchmarks.sequences import START, Shop, grid_date, measured_steps
from benchmarks.sessions import DAYS, Footfall
from footfall.settings import get_settings

HEAPS_GIB = (2, 4, 8)
HISTORY_DAYS = 365


def sessions(folder: Path, scale: float) -> list[Row]:
    """Measure the sessions of a month, by DuckDB and by Spark."""
    data = Interactions(folder, DAYS, scale)
    data.write()
    footfall = Footfall(data)
    footfall.load()
    rows, found = data.count(data.period), []

    def run() -> Work:
        footfall.run(data.period)
        return Work(rows=rows)

    for engine in ("duckdb", "spark"):
        os.environ["FOOTFALL_DAY_ENGINE"] = engine
        get_settings.cache_clear()
        before = len(read_events(folder))
        measured = measure(f"sessions of {DAYS} days by {engine}", "footfall", run)
        found.append(with_spill(measured, folder, before))
    return found


def training(landing: Path, folder: Path, scale: float) -> list[Row]:
    """Measure the steps of a training day, from landing files that are there."""
    shutil.copytree(landing, folder / "landing", copy_function=os.link)
    found, before = [], 0
    for row in measured_steps(shop_of(folder / "landing", scale), window=0, only_a_day=True):
        found.append(with_spill(row, folder, before))
        before = len(read_events(folder))
    return found


def with_spill(row: Row, folder: Path, before: int) -> Row:
    """Return a measured step with what its tasks spilled, given the number of events before it."""
    return replace(row, bytes_spilled=tasks_of(read_events(folder, before)).spilled_bytes)


def shop_of(landing: Path, scale: float) -> Shop:
    return Shop(get_settings(), landing, scale, HISTORY_DAYS, grid_date(START))


def generate(landing: Path, scale: float) -> None:
    """Generate the landing files that the training days of all heaps share."""
    shop_of(landing, scale).generate()


def under(heap_gib: int, steps: Callable[[Path, float], list[Row]], scale: float) -> list[Row]:
    """Measure steps in a home and a process of their own.

    Args:
        heap_gib: Java's largest heap.
        steps: measures them, given the folder of the home and the scale.
        scale: of the data.
    """
    os.environ["FOOTFALL_DRIVER_MEMORY_GIB"] = str(heap_gib)
    with temporary_home() as folder:
        log_events(folder)
        rows = in_own_process(steps, folder, scale)
    return [replace(row, step=f"{heap_gib} GiB of heap: {row.step}") for row in rows]


def main(
    scale: Annotated[float, typer.Option(help="1 is a month's 20 million interactions.")] = 1.0,
    heap: Annotated[
        list[int] | None, typer.Option(help="GiB of heap; by default 2, 4 and 8.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure whether little memory is enough, and what is spilled to disk.

    Example: `python -m benchmarks.memory --scale 0.02 --heap 2`
    """
    use_two_cores()
    rows: list[Row] = []
    with temporary_home() as folder:
        landing = folder / "landing"
        in_own_process(generate, landing, scale)
        for steps in (partial(training, landing), sessions):
            for heap_gib in heap or HEAPS_GIB:
                rows += under(heap_gib, steps, scale)
                write_report("memory", rows, json)


if __name__ == "__main__":
    typer.run(main)
