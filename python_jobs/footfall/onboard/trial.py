"""One command from somebody's own file to a dashboard, in a home of its own: ``footfall try``."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from footfall.onboard.load import (
    EntityResult,
    Progress,
    entities_of,
    load_all,
    project_of,
    results,
)
from footfall.project.tables import TableStatus, table_status
from footfall.report import build_dashboard
from footfall.settings import get_settings
from footfall.spark.own_home import own_home
from footfall.spark.session import get_session

KEPT_FILES = ("mapping.yml", "dashboard.html")


class Trial(BaseModel):
    """What a trial built.

    Attributes:
        home: its folder; without tables unless they were kept.
        mapping: the mapping that was used.
        dashboard: the page.
        kept: whether the home has its tables still.
        results: by entity, what became of the rows.
        tables: that were built.
        seconds: of each step.
    """

    home: Path
    mapping: Path
    dashboard: Path
    kept: bool
    results: list[EntityResult]
    tables: list[TableStatus]
    seconds: dict[str, float]


def try_files(
    path: str,
    mapping: Path,
    home: Path,
    entity: str | None = None,
    file_format: str | None = None,
    *,
    keep: bool = False,
    progress: Progress | None = None,
) -> Trial:
    """Load files through a mapping, build the marts that they feed, and write the dashboard.

    Args:
        path: a file, a folder or a glob.
        mapping: the mapping file; it is copied into the home.
        home: an empty folder.
        entity: ``source.entity``, where the mapping does not name its entities.
        file_format: parquet, csv or json; by default what the files' names tell.
        keep: leave the tables in the home.
        progress: called with steps done, steps in all, and what is being done.

    Raises:
        UsageError: the mapping, the path or the entity is not usable.
        FootfallError: no file or no row was accepted, or Spark failed.
    """
    used, dashboard = (home / name for name in KEPT_FILES)
    shutil.copyfile(mapping, used)
    entities = entities_of(used, entity)
    trial = Trial(
        home=home, mapping=used, dashboard=dashboard, kept=keep, results=[], tables=[], seconds={}
    )

    @contextmanager
    def timed(name: str, number: int) -> Iterator[None]:
        if progress:
            progress(number, 4, name)
        started = time.perf_counter()
        yield
        trial.seconds[name] = time.perf_counter() - started

    with own_home(home), project_of(entities) as build:
        with timed("start Spark", 0):
            get_session()
        with timed("load", 1):
            reports = load_all(entities, [path], used, file_format)
        with timed("build", 2):
            build()
        with timed("dashboard", 3):
            trial.results = results(reports)
            build_dashboard(dashboard, get_session(), get_settings())
            trial.tables = table_status(get_session, get_settings())
    if not keep:
        _forget(home)
    return trial


def _forget(home: Path) -> None:
    """Remove all that a trial wrote but the mapping and the dashboard."""
    for path in home.iterdir():
        if path.name in KEPT_FILES:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
