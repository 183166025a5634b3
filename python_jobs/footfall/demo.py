"""The main job on generated data: landing files to marts, sequences and a dashboard."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from footfall.project.contracts import Contract, get_contract
from footfall.project.tables import TableStatus, table_status
from footfall.settings import Settings, get_settings

DAYS = 14
USERS = 2000
SEED = 20250801
START = date(2025, 8, 1)
INGESTS_AT_A_TIME = 4

Step = Callable[[], object]


@dataclass
class DemoResult:
    """What the demo built, and where its outputs lie."""

    landing: Path
    export: Path
    export_day: date
    dashboard: Path
    seconds: dict[str, float] = field(default_factory=dict)
    tables: list[TableStatus] = field(default_factory=list)


def run_demo(
    *,
    days: int = DAYS,
    users: int = USERS,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    run_step: Callable[[str, Step], object] = lambda _name, step: step(),
) -> DemoResult:
    """Generate a sample, ingest it, build all models, export the last day, draw the dashboard.

    Running it again with the same arguments loads nothing twice and rewrites no table.

    Args:
        days: days of data.
        users: number of users.
        settings: home and schemas.
        progress: called with (done, total, label) inside a step.
        run_step: called with each step's name and the step, which it has to call.
    """
    from footfall.generate import generate
    from footfall.generate.entities import GENERATED
    from footfall.ingest import ingest
    from footfall.project.dbt import run_dbt
    from footfall.report import build_dashboard
    from footfall.sequences import ExportFormat, export_sequences
    from footfall.spark.session import get_session

    settings = settings or get_settings()
    output = settings.home / "demo"
    result = DemoResult(
        landing=output / "landing",
        export=output / "sequences",
        export_day=START + timedelta(days=days - 1),
        dashboard=output / "dashboard.html",
    )

    def generate_files() -> None:
        shutil.rmtree(result.landing, ignore_errors=True)
        generate(result.landing, days, users, SEED, START, progress=progress)

    def ingest_files() -> None:
        def ingest_entity(contract: Contract) -> None:
            folder = result.landing / contract.source / contract.entity
            ingest(contract.name, [str(folder)], settings=settings)

        contracts = [get_contract(name) for name in GENERATED]
        with ThreadPoolExecutor(INGESTS_AT_A_TIME) as pool:
            for done, _ in enumerate(pool.map(ingest_entity, contracts), start=1):
                if progress:
                    progress(done, len(contracts), "entities")

    def export_last_day() -> None:
        export_sequences(
            get_session(settings),
            result.export_day,
            result.export,
            ExportFormat.padded,
            settings=settings,
            progress=progress,
        )

    def read_status() -> None:
        result.tables = table_status(lambda: get_session(settings), settings)

    steps: dict[str, Step] = {
        "generate": generate_files,
        "start Spark": lambda: get_session(settings),
        "ingest": ingest_files,
        "dbt build": lambda: run_dbt("build", "--exclude-resource-type", "unit_test"),
        "export sequences": export_last_day,
        "dashboard": lambda: build_dashboard(result.dashboard, get_session(settings), settings),
        "table status": read_status,
    }
    for name, step in steps.items():
        started = time.perf_counter()
        run_step(name, step)
        result.seconds[name] = time.perf_counter() - started
    return result
