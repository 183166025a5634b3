"""Homes as Spark leaves them, as far as what opens and repairs them looks at them."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from footfall.home.identity import Identity, write_identity
from footfall.home.metastore import MANAGED, Catalog, Entry


def make_home(home: Path, *tables: str, metastore: bool = True) -> Path:
    """Make a home's folders as Spark leaves them, as far as the checks look at them."""
    for table in tables:
        schema, name = table.split(".")
        log = home / "warehouse" / f"{schema}.db" / name / "_delta_log"
        log.mkdir(parents=True)
        for version in range(2):
            (log / f"{version:020}.json").touch()
    home.mkdir(exist_ok=True)
    if metastore:
        (home / "metastore").mkdir()
        (home / "metastore" / "service.properties").touch()
    write_identity(home, Identity(path=home))
    return home


def catalog_of(home: Path, *tables: str) -> Catalog:
    """Return what the metastore of a home at this path says."""
    warehouse = f"file:{home}/warehouse"
    names = [table.split(".") for table in tables]
    return Catalog(
        {"default": warehouse} | {schema: f"{warehouse}/{schema}.db" for schema, _ in names},
        [Entry(schema, name, MANAGED, f"{warehouse}/{schema}.db/{name}") for schema, name in names],
    )


def write_table(home: Path, table: str, rows: pa.Table, mode: Any = "append") -> None:
    """Write a version of a Delta table into a home, without Spark.

    Args:
        home: the home.
        table: ``schema.table``.
        rows: what is appended, or takes the place of all rows.
        mode: ``append`` or ``overwrite``.
    """
    schema, _, name = table.partition(".")
    folder = home / "warehouse" / f"{schema}.db" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Not at its own path: delta-rs takes no unusual one.
    with TemporaryDirectory() as plain:
        if folder.exists():
            shutil.copytree(folder, plain, dirs_exist_ok=True)
        write_deltalake(plain, rows, mode=mode)
        shutil.copytree(plain, folder, dirs_exist_ok=True)
