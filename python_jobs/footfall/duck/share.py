"""The job ``footfall share``: the tables for readers that have DuckDB or Parquet, and no Spark."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from footfall.atomic import write_atomically
from footfall.duck.views import add_view, connect
from footfall.duckdb_sql import literal, quoted
from footfall.errors import FootfallError, UsageError, first_line
from footfall.paths import require_printable
from footfall.project.described import described_models
from footfall.project.tables import (
    LAYERS,
    Located,
    only_catalog_knows,
    tables_in_home,
)
from footfall.settings import Settings
from footfall.spark.delta_log import newest_version
from footfall.words import count

ShareFormat = Literal["duckdb", "parquet"]
MARTS = ("gold", "training", "quality")
DEFAULT_OUT: dict[ShareFormat, str] = {"duckdb": "marts.duckdb", "parquet": "marts"}
SHARED = "footfall_shared"
"""The table in a DuckDB file that says what is in it, and that the file is ours."""
MANIFEST = "footfall-shared.json"
"""The same for a folder of Parquet files."""

Progress = Callable[[int, int, str], None]


class SharedTable(BaseModel):
    """A table that was shared.

    Attributes:
        table: ``schema.table``.
        version: Delta's, when it was shared; a view shows later ones too. None where its last
            commits are in a checkpoint alone.
        path: the folder that a view reads, or the Parquet file.
    """

    table: str
    version: int | None
    path: Path


class ShareReport(BaseModel):
    """What was shared.

    Attributes:
        out: the file or folder.
        format: its kind.
        shared_at: when, UTC.
        tables: what is in it.
        left_out: models without a Delta table: views, which only Spark reads, and what is not
            built.
        unreadable: tables that DuckDB cannot read, with the reason.
    """

    out: Path
    format: ShareFormat
    shared_at: datetime
    tables: list[SharedTable]
    left_out: list[str]
    unreadable: dict[str, str] = {}


def share(
    settings: Settings,
    kind: ShareFormat,
    out: Path | None = None,
    *,
    layers: Collection[str] = MARTS,
    progress: Progress = lambda _done, _total, _label: None,
) -> ShareReport:
    """Write a DuckDB file of views over the tables' folders, or the tables as Parquet files.

    Args:
        settings: the home.
        kind: ``duckdb`` or ``parquet``.
        out: the file or folder, which is written anew; by default in ``FOOTFALL_HOME/share``.
        layers: bronze, silver, gold, training, quality.
        progress: called with (done, total, label).

    Raises:
        UsageError: a layer that there is not, or ``out`` is something that this job did not write.
        FootfallError: there are no tables, only Spark knows them, or ``out`` cannot be written.
    """
    if unknown := sorted(set(layers) - set(LAYERS)):
        raise UsageError(f"There is no schema {unknown[0]}.", f"Name some of {', '.join(LAYERS)}.")
    if reason := only_catalog_knows(settings):
        raise FootfallError(
            f"Without Spark the tables are not known: {reason}.",
            "Share them by `footfall serve`, or where the home holds the tables.",
        )
    tables = [table for table in tables_in_home(settings) if table.layer in layers]
    if not tables:
        raise FootfallError(
            f"There are no tables of {', '.join(layers)} in {settings.home} yet.",
            "Run `footfall demo` or `dbt build`.",
        )
    path = (out or settings.home / "share" / DEFAULT_OUT[kind]).expanduser().absolute()
    require_printable("The path", path)
    report = ShareReport(
        out=path,
        format=kind,
        shared_at=datetime.now(timezone.utc),
        tables=[],
        left_out=_without_table(settings, tables, layers),
    )
    write = _write_database if kind == "duckdb" else _write_folder
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(report, tables, progress)
    except OSError as error:
        raise FootfallError(
            f"{path} cannot be written: {error.strerror}.", "Name another place by --out."
        ) from error
    return report


def _without_table(
    settings: Settings, tables: Collection[Located], layers: Collection[str]
) -> list[str]:
    """Return the models of some layers that have no Delta table."""
    built = {table.name.rpartition(".")[2] for table in tables}
    folders = {"silver": "staging", "gold": "marts"}
    models = {
        name
        for project in settings.model_dirs
        for layer in layers
        for name in described_models(project / "models" / folders.get(layer, layer))
    }
    # Intermediate models are named by no reader.
    return sorted(name for name in models - built if not name.startswith("int_"))


def _views(
    connection: Any, report: ShareReport, tables: Collection[Located]
) -> Iterator[SharedTable]:
    """Make a view of each table that DuckDB can read; yield it."""
    import duckdb

    for table in tables:
        assert isinstance(table.folder, Path)
        try:
            add_view(connection, table.name, table.folder)
        except duckdb.Error as error:
            report.unreadable[table.name] = first_line(error)
            continue
        yield SharedTable(table=table.name, version=newest_version(table.folder), path=table.folder)
    if len(report.unreadable) == len(tables):
        name, why = next(iter(report.unreadable.items()))
        raise FootfallError(
            f"DuckDB can read none of {count(len(tables), 'table')}; {name}: {why}.",
            "Give FOOTFALL_HOME a path without a percent sign."
            if "%" in str(tables)
            else "`footfall status` says what is wrong with them.",
        )


# ---------- a DuckDB file


def _write_database(report: ShareReport, tables: Collection[Located], progress: Progress) -> None:
    _require_own(report.out, _is_own_database)
    with _fresh(report.out) as fresh:
        with connect(str(fresh)) as connection:
            for number, table in enumerate(_views(connection, report, tables)):
                progress(number, len(tables), table.table)
                report.tables.append(table)
            connection.execute(
                f"create table {SHARED} (table_name varchar, version bigint, folder varchar, "
                "shared_at timestamp)"
            )
            connection.executemany(
                f"insert into {SHARED} values (?, ?, ?, ?)",
                [
                    (table.table, table.version, str(table.path), report.shared_at)
                    for table in report.tables
                ],
            )
        fresh.replace(report.out)


@contextmanager
def _fresh(file: Path) -> Iterator[Path]:
    """Lend a name beside a file; what was written there and not renamed goes."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _is_own_database(file: Path) -> bool:
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            found = connection.execute(
                "select 1 from duckdb_tables() where table_name = ?", [SHARED]
            ).fetchone()
    except duckdb.Error:
        return False
    return found is not None


def _require_own(path: Path, is_own: Callable[[Path], bool]) -> None:
    if path.exists() and not is_own(path):
        raise UsageError(
            f"{path} is there already, and `footfall share` did not write it.",
            "Name another place by --out, or remove it.",
        )


# ---------- a folder of Parquet files


def _write_folder(report: ShareReport, tables: Collection[Located], progress: Progress) -> None:
    _require_own(report.out, _is_own_folder)
    before = _shared_files(report.out)
    with connect() as connection:
        for number, table in enumerate(_views(connection, report, tables)):
            progress(number, len(tables), table.table)
            schema, _, name = table.table.partition(".")
            file = report.out / schema / name / f"{name}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            with _fresh(file) as fresh:
                connection.execute(
                    f"copy (select * from {quoted(schema)}.{quoted(name)}) to "
                    f"{literal(str(fresh))} (format parquet, compression zstd)"
                )
                fresh.replace(file)
            report.tables.append(table.model_copy(update={"path": file}))
    files = {str(table.path.relative_to(report.out)): table.version for table in report.tables}
    content = {"shared_at": report.shared_at.isoformat(), "files": files}
    write_atomically(report.out / MANIFEST, json.dumps(content, indent=2) + "\n")
    for gone in before - files.keys():
        shutil.rmtree((report.out / gone).parent, ignore_errors=True)


def _is_own_folder(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir()))


def _shared_files(folder: Path) -> set[str]:
    """Return the files that the last call wrote, relative to the folder."""
    try:
        return set(json.loads((folder / MANIFEST).read_text())["files"])
    except (OSError, ValueError, KeyError):
        return set()
