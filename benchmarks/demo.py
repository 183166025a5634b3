"""Seconds and memory of each step of the demo: ``python -m benchmarks.demo --json FILE``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import Row, Work, folder_bytes, measure, temporary_home, write_report
from footfall.demo import DAYS, USERS, run_demo


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {USERS:,} users.")] = 1.0,
    days: Annotated[int, typer.Option(help="Days of data.")] = DAYS,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Run the demo in a new home as ``make demo`` does, then ``dbt build`` with nothing new."""
    from footfall.project.dbt import run_dbt

    os.environ["FOOTFALL_JIT_LEVEL"] = "1"
    rows: list[Row] = []
    with temporary_home() as home:

        def run_step(name: str, step: Callable[[], object]) -> None:
            def work() -> Work:
                before = folder_bytes(home)
                step()
                return Work(bytes_written=max(0, folder_bytes(home) - before))

            rows.append(measure(name, "footfall", work))

        run_demo(days=days, users=max(1, round(USERS * scale)), run_step=run_step)
        run_step(
            "dbt build, nothing new",
            lambda: run_dbt("build", "--exclude-resource-type", "unit_test", quiet=True),
        )
    write_report("demo", rows, json)


if __name__ == "__main__":
    typer.run(main)
