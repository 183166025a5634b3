"""DuckDB with its Delta extension, and views of Delta tables in it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.duckdb_sql import OFFLINE, literal, quoted
from footfall.errors import FootfallError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


INSTANT = "TIMESTAMP WITH TIME ZONE"
AS_SPARK = {
    "default_null_order": "'nulls_first_on_asc_last_on_desc'",
    "ieee_floating_point_ops": "false",
}
"""Spark's order of nulls; a division by zero is null."""


def connect(database: str = ":memory:") -> DuckDBPyConnection:
    """Open a DuckDB database that can read Delta tables, in UTC.

    Args:
        database: a file, or ``:memory:``.

    Raises:
        FootfallError: the extension of this version of DuckDB is not installed.
    """
    import duckdb

    connection = duckdb.connect(database, config=OFFLINE)
    connection.execute(f"load {literal(str(_extension(duckdb.__version__)))}")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _extension(version: str) -> Path:
    """Return the extension's file out of its wheel: nothing is installed into the user's home."""
    try:
        file = (
            Path(str(resources.files("duckdb_extension_delta")))
            / "extensions"
            / f"v{version}"
            / "delta.duckdb_extension"
        )
    except ModuleNotFoundError:
        file = Path()
    if not file.is_file():
        raise FootfallError(
            f"DuckDB {version} has no Delta extension here.",
            f"`pip install duckdb=={version} duckdb-extension-delta=={version}`.",
        )
    return file


def add_view(connection: DuckDBPyConnection, table: str, folder: Path) -> list[tuple[str, str]]:
    """Make a view of a Delta table's newest version, whatever that is when it is read.

    Instants become timestamps in UTC: they then read alike in every time zone.

    Args:
        connection: where to make it.
        table: ``schema.table``, its name.
        folder: the table's.

    Returns:
        Names and types of its columns.

    Raises:
        duckdb.Error: the table cannot be read.
    """
    scan = f"delta_scan({literal(str(folder))})"
    described = connection.execute(f"describe select * from {scan}").fetchall()
    columns = [(name, kind) for name, kind, *_ in described]
    selected = ", ".join(
        f"timezone('UTC', {quoted(name)}) as {quoted(name)}" if kind == INSTANT else quoted(name)
        for name, kind in columns
    )
    schema, _, name = table.partition(".")
    connection.execute(f"create schema if not exists {quoted(schema)}")
    connection.execute(
        f"create view {quoted(schema)}.{quoted(name)} as select {selected} from {scan}"
    )
    return [(name, "TIMESTAMP" if kind == INSTANT else kind) for name, kind in columns]


def answer_as_spark(connection: DuckDBPyConnection) -> None:
    """Let a connection order nulls and divide by zero as Spark does."""
    for setting, value in AS_SPARK.items():
        connection.execute(f"set {setting} = {value}")


def shut_in(connection: DuckDBPyConnection, folders: Iterable[Path]) -> None:
    """Let a connection read some folders, nothing else on this machine, and no network."""
    listed = ", ".join(literal(f"{folder}/") for folder in folders)
    connection.execute(f"set allowed_directories = [{listed}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
