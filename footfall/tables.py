"""What tables exist, how many rows they hold and how fresh they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import BaseModel

from footfall.contracts import load_contracts
from footfall.explain import explain
from footfall.settings import Settings, get_settings
from footfall.trace_log import log_trace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READS_AT_A_TIME = 4
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


def list_tables(spark: SparkSession, settings: Settings | None = None) -> list[tuple[str, str]]:
    """Return (layer, qualified name) of each Delta table; views are left out."""
    settings = settings or get_settings()
    tables = []
    for layer in LAYERS:
        schema = settings.schema_of(layer)
        if spark.catalog.databaseExists(schema):
            tables += [
                (layer, f"{schema}.{table.name}")
                for table in spark.catalog.listTables(schema)
                if table.tableType != "VIEW" and not table.isTemporary
            ]
    return tables


def vars_as_built(spark: SparkSession, settings: Settings) -> dict[str, list[str]]:
    """Return dbt's var ``sources`` as the staging tables were built; nothing where none exists.

    Commands that run dbt on built tables take it: a source that was left out of the build, perhaps
    by ``--vars``, may not exist.
    """
    tables = {table for _, table in list_tables(spark, settings)}
    contracts = load_contracts().values()
    sources = {known.source for known in contracts if known.staging_table(settings) in tables}
    return {"sources": sorted(sources)} if sources else {}


def table_status(spark: SparkSession, settings: Settings | None = None) -> list[TableStatus]:
    """Return the status of each table, in the order of the layers.

    ``last_load`` is the newest load id that the table holds (bronze) or reflects (everything else;
    recorded by the models as table properties ``footfall.loads.<source>.<entity>``). A table that
    cannot be read has a ``problem`` and stops none of the others.
    """
    now = datetime.now(timezone.utc)

    def status_of(layer: str, table: str) -> TableStatus:
        try:
            return read_status(layer, table)
        except Exception as error:
            told = explain(error, table)
            log_trace(error, f"status of {table}")
            return TableStatus(layer=layer, table=table, problem=told.message, fix=told.fix)

    def read_status(layer: str, table: str) -> TableStatus:
        detail = spark.sql(f"describe detail {table}").first()
        assert detail is not None
        loads = [
            int(value)
            for key, value in detail["properties"].items()
            if key.startswith("footfall.loads.")
        ]
        counted = "count(*), max(_load_id)" if layer == "bronze" else "count(*), null"
        totals = spark.sql(f"select {counted} from {table}").first()
        assert totals is not None
        updated_at = detail["lastModified"].astimezone(timezone.utc)
        return TableStatus(
            layer=layer,
            table=table,
            rows=totals[0],
            last_load=max([*loads, *(load for load in [totals[1]] if load)], default=None),
            updated_at=updated_at,
            age_hours=round((now - updated_at).total_seconds() / 3600, 2),
            size_bytes=detail["sizeInBytes"],
        )

    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        return list(pool.map(lambda named: status_of(*named), list_tables(spark, settings)))
