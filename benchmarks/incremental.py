"""A daily run and one late row against history: ``python -m benchmarks.incremental --json FILE``.

Each history is loaded and built once. Then days follow one by one, each ingested and built; at last
one row arrives that is half of the history late. All histories end on the same day, so that the
same days follow each. ``bytes written`` of a build counts the data files that its commits added,
without logs.
"""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.harness import NO_TESTS, Row, Work, as_one, measure, temporary_home, write_report
from footfall.generate import DirtShares, generate
from footfall.ingest import ingest
from footfall.project.contracts import load_contracts
from footfall.project.dbt import run_dbt
from footfall.settings import Settings, get_settings
from footfall.spark.session import get_session

USERS = 2000
HISTORIES = (30, 90, 365)
DAILY_RUNS = 4
FIRST_DAILY = date(2025, 9, 1)
SEED = 7
CLEAN = DirtShares(**dict.fromkeys(DirtShares.model_fields, 0.0))
SOURCES = ("product", "app", "crm")
"""Training sequences have a benchmark of their own."""
INGESTS_AT_A_TIME = 4


@dataclass
class History:
    """Some days of history out of generated files, and the days of the daily runs after it.

    Attributes:
        generated: the folder of the files, of the longest history.
        joined: a folder for what is loaded.
        days: of the history.
    """

    settings: Settings
    generated: Path
    joined: Path
    days: int

    @property
    def start(self) -> date:
        return FIRST_DAILY - timedelta(days=self.days)

    @property
    def commits(self) -> set[Path]:
        """The commit files in the logs of all tables."""
        schemas = f"{self.settings.db_schema}_*.db"
        return set(self.settings.local_warehouse.glob(f"{schemas}/*/_delta_log/*.json"))

    def files(self, first: int, last: int) -> Iterator[tuple[str, list[str]]]:
        """Yield the files of each entity for days counted from 0, the last excluded."""
        days = {(self.start + timedelta(days=number)).isoformat() for number in range(first, last)}
        for name, contract in load_contracts().items():
            if contract.source not in SOURCES:
                continue
            folder = self.generated / contract.source / contract.entity
            files = sorted(folder.glob("*.parquet"))
            dated = [str(file) for file in files if file.stem[-10:] in days]
            if dated:
                yield name, dated

    def ingest(self, first: int, last: int) -> int:
        """Load days of all entities, each entity in one file, and return their rows."""
        landing = self.joined / f"days-{first}-{last}"
        landing.mkdir(parents=True)
        joined = {name: landing / f"{name}.parquet" for name, _ in self.files(first, last)}
        for name, files in self.files(first, last):
            tables = map(pq.read_table, files)
            pq.write_table(pa.concat_tables(tables, promote_options="default"), joined[name])
        with ThreadPoolExecutor(INGESTS_AT_A_TIME) as pool:
            reports = pool.map(
                lambda name: ingest(name, [str(joined[name])], settings=self.settings), joined
            )
            return sum(report.rows for report in reports)

    def build(self) -> Work:
        """Run all models and return the bytes of the data files that were added."""
        before = self.commits
        variables = jsonlib.dumps({"sources": list(SOURCES)})
        run_dbt("build", *NO_TESTS, "--vars", variables, quiet=True)
        return Work(bytes_written=sum(map(bytes_added, self.commits - before)))

    def add_late_row(self) -> None:
        late = self.start + timedelta(days=self.days // 2)
        row = {
            "event_time": datetime.combine(late, time(12), timezone.utc), "user_id": "late user",
            "product_id": "late product", "interaction_type": "view",
        }  # fmt: skip
        file = self.joined / "late.parquet"
        pq.write_table(pa.Table.from_pylist([row]), file)
        ingest("product.interactions", [str(file)], settings=self.settings)


def bytes_added(commit: Path) -> int:
    """Return the bytes of the data files that a commit added."""
    actions = map(jsonlib.loads, commit.read_text().splitlines())
    return sum(action["add"]["size"] for action in actions if "add" in action)


def _generate(folder: Path, days: int, users: int) -> None:
    """Write the longest history and the days after it."""
    start = FIRST_DAILY - timedelta(days=days)
    generate(folder, days + DAILY_RUNS, users, SEED, start, dirt=CLEAN)


def _measure(days: int, folder: Path) -> Iterator[Row]:
    os.environ["FOOTFALL_DB_SCHEMA"] = f"history_{days}"
    get_settings.cache_clear()
    history = History(get_settings(), folder / "generated", folder / str(days), days)

    def label(step: str) -> str:
        return f"{days} days: {step}"

    yield measure(
        label("ingest the history"), "footfall", lambda: Work(rows=history.ingest(0, days))
    )
    yield measure(label("full build"), "footfall", history.build)
    following = iter(range(days, days + DAILY_RUNS))

    def next_day() -> Work:
        number = next(following)
        rows = history.ingest(number, number + 1)
        return Work(rows=rows)

    builds, ingests = [], []
    for _ in range(DAILY_RUNS):
        ingests.append(measure("", "footfall", next_day))
        builds.append(measure("", "footfall", history.build))
    # The first one warms up.
    yield as_one(label("a day's ingest"), ingests[1:])
    yield as_one(label("a day's build"), builds[1:])
    history.add_late_row()
    yield measure(label("build after one late row"), "footfall", history.build)
    yield measure(label("build with nothing new"), "footfall", history.build)


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {USERS:,} users.")] = 1.0,
    history: Annotated[
        list[int] | None, typer.Option(help="Days of history; by default 30, 90 and 365.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure daily runs after several lengths of history in one home and one session."""
    rows: list[Row] = []
    with temporary_home() as folder:
        get_session()
        histories = history or list(HISTORIES)
        _generate(folder / "generated", max(histories), max(1, round(USERS * scale)))
        for days in histories:
            rows.extend(_measure(days, folder))
    write_report("incremental", rows, json)


if __name__ == "__main__":
    typer.run(main)
