"""What tables exist, how many rows they hold and how fresh they are."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel

from footfall.home.checks import check_folders, delta_folders, folder_of
from footfall.object_store import DataPath
from footfall.project.contracts import load_contracts
from footfall.project.protocol import reflected_loads
from footfall.settings import Settings, get_settings
from footfall.spark.delta_log import read_delta_table, table_location
from footfall.spark.explain import explain
from footfall.spark.shared import remote_url
from footfall.trace_log import log_trace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READS_AT_A_TIME = 4
"""Spark plans each read on one core, and waits for files."""
IS_VIEW = re.compile(r"^Type: VIEW", re.MULTILINE)
LAYERS = ("bronze", "silver", "gold", "training", "quality")


class TableStatus(BaseModel):
    """One table of the project: volume, last load, freshness (hours since the last commit).

    ``problem`` says why a table cannot be read, ``fix`` what to do; it then has no figures.
    """

    layer: str
    table: str
    rows: int | None = None
    last_load: int | None = None
    updated_at: datetime | None = None
    age_hours: float | None = None
    size_bytes: int | None = None
    problem: str | None = None
    fix: str | None = None


class Located(NamedTuple):
    """A table of the catalog; ``folder`` is None where only Spark can reach it."""

    layer: str
    name: str
    folder: DataPath | None


def only_catalog_knows(settings: Settings) -> str | None:
    """Return why the home's folders do not tell which tables there are; None where they do.

    Args:
        settings: the home, its warehouse and its metastore.
    """
    if remote_url(settings.home):
        return "SPARK_REMOTE names a server"
    if settings.metastore_uri:
        return "FOOTFALL_METASTORE_URI names a server"
    if not settings.tables_are_local:
        return "FOOTFALL_WAREHOUSE lies in an object store"
    return None


def tables_in_home(settings: Settings) -> list[Located]:
    """Return each Delta table of the project in the home's warehouse, without Spark.

    Tables outside the home, and views, are known to the catalog alone: :func:`located_tables`.

    Raises:
        FootfallError: the home was moved or copied, or lost its metastore.
    """
    check_folders(settings.home)
    layers = {settings.schema_of(layer): layer for layer in LAYERS}
    tables = [
        Located(layers[schema], f"{schema}.{name}", settings.table_folder(f"{schema}.{name}"))
        for schema, name in delta_folders(settings.home)
        if schema in layers
    ]
    return sorted(tables, key=lambda table: LAYERS.index(table.layer))


def located_tables(spark: SparkSession, settings: Settings | None = None) -> list[Located]:
    """Return each Delta table; views are left out."""
    settings = settings or get_settings()
    tables = []
    for layer in LAYERS:
        schema = settings.schema_of(layer)
        if spark.catalog.databaseExists(schema):
            # One statement a schema: listTables opens the log of each table.
            tables += [
                Located(
                    layer,
                    f"{schema}.{row.tableName}",
                    table_location(row.information, settings),
                )
                for row in spark.sql(f"show table extended in {schema} like '*'").collect()
                if not row.isTemporary and not IS_VIEW.search(row.information)
            ]
    return tables


def list_tables(spark: SparkSession, settings: Settings | None = None) -> list[tuple[str, str]]:
    """Return (layer, qualified name) of each Delta table; views are left out."""
    return [(table.layer, table.name) for table in located_tables(spark, settings)]


def readable_names(spark: SparkSession, settings: Settings) -> list[str]:
    """Return the qualified name of each table and view of the project."""
    return [
        f"{schema}.{row.tableName}"
        for schema in map(settings.schema_of, LAYERS)
        if spark.catalog.databaseExists(schema)
        for row in spark.sql(f"show tables in {schema}").collect()
        if not row.isTemporary
    ]


def vars_as_built(spark: SparkSession, settings: Settings) -> dict[str, list[str]]:
    """Return dbt's var ``sources`` as the staging tables were built; nothing where none exists.

    Commands that run dbt on built tables take it: a source that was left out of the build, perhaps
    by ``--vars``, may not exist.
    """
    tables = {table for _, table in list_tables(spark, settings)}
    contracts = load_contracts().values()
    sources = {known.source for known in contracts if known.staging_table(settings) in tables}
    return {"sources": sorted(sources)} if sources else {}


def table_status(
    open_session: Callable[[], SparkSession],
    settings: Settings | None = None,
    *,
    by_catalog: bool = False,
) -> list[TableStatus]:
    """Return the status of each table, in the order of the layers.

    ``last_load`` is the newest load id that the table holds (bronze) or reflects (everything else;
    recorded by the models as table properties ``footfall.loads.<source>.<entity>``). A table that
    cannot be read has a ``problem`` and stops none of the others.

    Args:
        open_session: called, once, where the folders and logs of the tables do not tell all.
        settings: the home; the process's own by default.
        by_catalog: ask the catalog which tables there are, which also knows those outside the home.

    Raises:
        FootfallError: the home was moved or copied or lost its metastore, or Spark cannot start.
    """
    settings = settings or get_settings()
    now = datetime.now(timezone.utc)
    session = _once(open_session)

    def status_of(table: Located) -> TableStatus:
        try:
            return _read_status(table, session, now)
        except Exception as error:
            told = explain(error, table.name)
            log_trace(error, f"status of {table.name}")
            return TableStatus(
                layer=table.layer, table=table.name, problem=told.message, fix=told.fix
            )

    if by_catalog or only_catalog_knows(settings):
        tables = located_tables(session(), settings)
    else:
        tables = tables_in_home(settings)
        if _has_more_folders(settings, tables):
            tables = located_tables(session(), settings)
    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        return list(pool.map(status_of, tables))


def _has_more_folders(settings: Settings, tables: list[Located]) -> bool:
    """Return whether a folder of the project's schemas may be that of a table that lost its log."""
    known = {table.folder for table in tables}
    return any(
        folder.is_dir() and folder not in known
        for schema in map(settings.schema_of, LAYERS)
        for folder in folder_of(settings.home, schema).glob("*")
    )


def _once(open_session: Callable[[], SparkSession]) -> Callable[[], SparkSession]:
    """Return a function that opens a session on its first call, from whatever thread."""
    opening = threading.Lock()
    opened: list[SparkSession] = []

    def session() -> SparkSession:
        with opening:
            if not opened:
                opened.append(open_session())
            return opened[0]

    return session


def _read_status(table: Located, session: Callable[[], SparkSession], now: datetime) -> TableStatus:
    """Return the status of a table; Spark is asked only for what the table's log does not tell."""
    log = read_delta_table(table.folder) if table.folder else None
    if log:
        properties, updated_at, size_bytes = log.properties, log.modified_at, log.size_bytes
    else:
        detail = session().sql(f"describe detail {table.name}").first()
        assert detail is not None
        properties, size_bytes = detail["properties"], detail["sizeInBytes"]
        updated_at = detail["lastModified"].astimezone(timezone.utc)
    is_bronze = table.layer == "bronze"
    rows = log.rows if log else None
    newest = log.largest("_load_id") if log and is_bronze else None
    if rows is None or (is_bronze and newest is None):
        counted = "count(*), max(_load_id)" if is_bronze else "count(*), null"
        totals = session().sql(f"select {counted} from {table.name}").first()
        assert totals is not None
        rows, newest = totals
    loads = reflected_loads(properties).values()
    return TableStatus(
        layer=table.layer,
        table=table.name,
        rows=rows,
        last_load=max([*loads, *(load for load in [newest] if load)], default=None),
        updated_at=updated_at,
        age_hours=round((now - updated_at).total_seconds() / 3600, 2),
        size_bytes=size_bytes,
    )
