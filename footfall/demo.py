"""The main job on generated data: landing files to marts, sequences and a dashboard."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from footfall.contracts import load_contracts
from footfall.settings import Settings, get_settings
from footfall.tables import TableStatus, table_status

DAYS = 14
USERS = 2000
SEED = 20250801
START = date(2025, 8, 1)


@dataclass
class DemoResult:
    """What the demo built: seconds by step, the tables, and where the outputs lie."""

    seconds: dict[str, float] = field(default_factory=dict)
    tables: list[TableStatus] = field(default_factory=list)
    landing: Path = Path()
    export: Path = Path()
    dashboard: Path = Path()
    export_day: date = START


StepRunner = Callable[[str, Callable[[], None]], None]


def run_demo(
    *,
    days: int = DAYS,
    users: int = USERS,
    seed: int = SEED,
    settings: Settings | None = None,
    announce: Callable[[str], None] = lambda step: None,
    progress: Callable[[int, int, str], None] | None = None,
    around_step: Callable[[str], object] | None = None,
) -> DemoResult:
    """Generate a sample, ingest it, build all models, export the last day, draw the dashboard.

    Running it again loads nothing twice: the files are the same, and so are the tables.

    Args:
        days: days of data.
        users: number of users.
        seed: of the generator.
        settings: home and schemas.
        announce: called with the name of each step before it starts.
        progress: called with (done, total, label) inside a step.
        around_step: returns a context manager that runs around the step of that name.
    """
    from footfall.dbt import run_dbt
    from footfall.generate import generate
    from footfall.ingest import ingest
    from footfall.report import build_dashboard
    from footfall.sequences import ExportFormat, export_sequences
    from footfall.spark import get_session

    settings = settings or get_settings()
    output = settings.home / "demo"
    result = DemoResult(
        landing=output / "landing",
        export=output / "sequences",
        dashboard=output / "dashboard.html",
        export_day=START + timedelta(days=days - 1),
    )

    @contextmanager
    def step(name: str) -> Iterator[None]:
        announce(name)
        started = time.perf_counter()
        if around_step:
            with around_step(name):  # type: ignore[attr-defined]
                yield
        else:
            yield
        result.seconds[name] = time.perf_counter() - started

    with step("generate"):
        shutil.rmtree(result.landing, ignore_errors=True)
        generate(result.landing, days, users, seed, START, progress=progress)
    with step("start Spark"):
        spark = get_session(settings)
    with step("ingest"):
        for contract in load_contracts().values():
            folder = result.landing / contract.source / contract.entity
            ingest(contract.name, [str(folder)], progress=progress, settings=settings)
    with step("dbt build"):
        run_dbt("build", "--exclude-resource-type", "unit_test")
    with step("export sequences"):
        export_sequences(
            spark,
            result.export_day,
            result.export,
            ExportFormat.padded,
            settings=settings,
            progress=progress,
        )
    with step("dashboard"):
        build_dashboard(result.dashboard, spark, settings)
    with step("count rows"):
        result.tables = table_status(spark, settings)
    return result
