"""The job: put a view of somebody else's Delta table in the place of an entity's bronze table."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable
from pydantic import BaseModel
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from footfall.adopt.loads import RowTracking, arrival_column
from footfall.adopt.view import no_delta_table, plan_table, rows_sql, view_sql
from footfall.errors import FootfallError, UsageError
from footfall.ingest.mapping import Mapping, load_mapping
from footfall.ingest.read import ready_to_read
from footfall.project.adopted import Adoption, OnChange, adoption_of
from footfall.project.contracts import Contract, get_contract
from footfall.project.records import ADOPTED_COMMITS, ADOPTED_DAYS, record_table
from footfall.settings import Settings, get_settings
from footfall.spark.conflicts import run_statement
from footfall.spark.sql_text import quoted_name
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROW_TRACKING = "delta.enableRowTracking"
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,2}")


class Adopted(BaseModel):
    """What was adopted, or in a dry run would be.

    Attributes:
        entity: as in product.interactions.
        view: the bronze table's name.
        table: the adopted table, as it stands in SQL.
        on_change: what happens when its rows are updated or deleted.
        rows: number of rows that the mapping selects; null in a dry run, as the three below.
        rows_with_errors: of them, those of which a column could not be read.
        first_event, last_event: the earliest and the latest event, UTC.
        unused: columns of the table that nothing uses.
        sql: the statement that makes the view.
        rebuild: the command that rebuilds what was built from other rows; null where nothing was.
    """

    entity: str
    view: str
    table: str
    on_change: OnChange
    rows: int | None = None
    rows_with_errors: int | None = None
    first_event: datetime | None = None
    last_event: datetime | None = None
    unused: list[str] = []
    sql: str
    rebuild: str | None = None


class Released(BaseModel):
    """Which entity no longer reads which table."""

    entity: str
    table: str


def adopt(
    spark: SparkSession,
    name: str,
    *,
    table: str | None = None,
    path: str | None = None,
    mapping: Path | None = None,
    on_change: OnChange = "apply",
    arrival: str | None = None,
    enable_row_tracking: bool = False,
    dry_run: bool = False,
    settings: Settings | None = None,
) -> Adopted:
    """Read an entity's rows from an existing Delta table from now on; nothing is copied.

    Each commit of the table is a load; with an arrival column, the rows of an hour of arrival are.
    Nothing is written to the table, but its property ``delta.enableRowTracking`` where that is
    asked for.

    Args:
        spark: a session of this process.
        name: the entity, as in product.interactions.
        table: the table as ``catalog.schema.table``, or
        path: its folder.
        mapping: a mapping file; by default columns are taken by the contract's names.
        on_change: whether rows that are updated or deleted are followed, or stop the build.
        arrival: a column that says when each row arrived, for a table without row tracking.
        enable_row_tracking: switch it on where it is off. All rows so far then are one load.
        dry_run: create nothing; say what would be.
        settings: schemas; the process's own by default.

    Raises:
        UsageError: the entity, the table's name or the mapping is not valid, or the bronze table
            holds rows that were ingested; or the arrival column does not fit.
        FootfallError: there is no such Delta table, it has neither row tracking nor an arrival
            column, or rows have no arrival.
    """
    settings = settings or get_settings()
    contract = get_contract(name)
    text = table_text(table, path)
    reader = ready_to_read(spark.newSession())
    if arrival and enable_row_tracking:
        raise UsageError(
            "Both --arrival-column and --enable-row-tracking are given.",
            "Take row tracking alone where you may switch it on.",
        )
    table_id = _require_trackable(reader, text, enable_row_tracking, arrival, dry_run)
    loads = arrival_column(reader, text, arrival) if arrival else RowTracking()
    found_mapping = load_mapping(mapping, contract) if mapping else Mapping()
    _require_free(reader, settings, contract)
    plan = plan_table(reader, text, contract, found_mapping)
    rows = rows_sql(reader, text, plan, contract, loads)
    loads.require_usable(reader, rows)
    seed = [table_id, text, found_mapping.canonical(), *([arrival] if arrival else [])]
    adoption = Adoption(
        table=text,
        table_id=table_id,
        on_change=on_change,
        signature=sha256("\n".join(seed).encode()).hexdigest()[:12],
        arrival_column=arrival,
    )
    view = contract.bronze_table(settings)
    adopted = Adopted(
        entity=name,
        view=view,
        table=text,
        on_change=on_change,
        unused=list(plan.ignored),
        sql=view_sql(view, rows, contract, adoption, loads, settings),
    )
    if dry_run:
        return adopted
    before = adoption_of(reader, settings, contract)
    run_statement(reader, f"create schema if not exists {settings.schema_of('bronze')}")
    for record in (ADOPTED_COMMITS, ADOPTED_DAYS):
        record_table(record).create(reader, settings)
    is_other = before is None or before.signature != adoption.signature
    if is_other:
        _forget(reader, settings, contract)
    if before is None:
        run_statement(reader, f"drop table if exists {view}")
    run_statement(reader, adopted.sql)
    return _with_rows(reader, settings, contract, adopted, is_other)


def release(spark: SparkSession, name: str, settings: Settings | None = None) -> Released:
    """Give an adopted table up: the entity has an empty bronze table at the next load or build.

    Raises:
        UsageError: the entity reads no adopted table.
    """
    settings = settings or get_settings()
    contract = get_contract(name)
    adoption = adoption_of(spark, settings, contract)
    if adoption is None:
        raise UsageError(f"{name} reads no adopted table.", "`footfall adopt --list` shows those.")
    run_statement(spark, f"drop view {contract.bronze_table(settings)}")
    _forget(spark, settings, contract)
    return Released(entity=name, table=adoption.table)


def table_text(table: str | None, path: str | None) -> str:
    """Return a table as it stands in SQL.

    Raises:
        UsageError: neither or both are given, or one is no name or folder.
    """
    if (table is None) == (path is None):
        raise UsageError("Name the table either by --table or by --path.", "Add one of them.")
    if table is not None:
        if not NAME.fullmatch(table):
            raise UsageError(
                f"{table!r} is not the name of a table.",
                "Write it as catalog.schema.table, or give its folder by --path.",
            )
        return ".".join(quoted_name(part) for part in table.split("."))
    assert path is not None
    place = path if "://" in path else str(Path(path).expanduser().absolute())
    if "`" in place or "'" in place or "\\" in place:
        raise UsageError(
            f"The path {place!r} has a quote or a backslash in it.",
            "Register the table in the catalog, and name it by --table.",
        )
    return f"delta.`{place}`"


def _require_trackable(
    spark: SparkSession, table: str, enable: bool, arrival: str | None, dry_run: bool
) -> str:
    """Return the table's id, if its rows tell the commit that wrote them, or when they arrived."""
    shown = table.replace("`", "")
    try:
        detail = spark.sql(f"describe detail {table}").first()
    except AnalysisException as error:
        raise no_delta_table(shown) from error
    if detail is None or detail["format"] != "delta":
        raise no_delta_table(shown)
    if not arrival and detail["properties"].get(ROW_TRACKING) != "true":
        if not enable or dry_run:
            raise FootfallError(
                f"{shown} has no row tracking: its rows do not tell which commit wrote them, and "
                "which are new cannot be told exactly.",
                f"Add --enable-row-tracking, or run: ALTER TABLE {table} SET TBLPROPERTIES "
                f"('{ROW_TRACKING}' = 'true'). All rows so far then count as one load. Or name a "
                "column that says when each row arrived: --arrival-column COLUMN",
            )
        run_statement(spark, f"alter table {table} set tblproperties ('{ROW_TRACKING}' = 'true')")
    table_id: str = detail["id"]
    return table_id


def _require_free(spark: SparkSession, settings: Settings, contract: Contract) -> None:
    """Refuse to put a view in the place of rows that were ingested."""
    view = contract.bronze_table(settings)
    if not spark.catalog.tableExists(view) or adoption_of(spark, settings, contract):
        return
    rows = spark.table(view).count()
    if rows:
        raise UsageError(
            f"{view} holds {count(rows, 'row')} that {'was' if rows == 1 else 'were'} ingested.",
            "Adopt the table in a home of its own, or drop that one first if its rows are in both: "
            f'footfall query --write "drop table {view}"',
        )


def _forget(spark: SparkSession, settings: Settings, contract: Contract) -> None:
    for record in (ADOPTED_COMMITS, ADOPTED_DAYS):
        table = record_table(record).name_in(settings)
        DeltaTable.forName(spark, table).delete(F.col("source") == F.lit(contract.name))


def _with_rows(
    spark: SparkSession,
    settings: Settings,
    contract: Contract,
    adopted: Adopted,
    is_other: bool,
) -> Adopted:
    """Add what the view shows, and what must be rebuilt if its rows are others than before."""
    time = F.col(contract.event_time).cast("timestamp")
    counted: Any = (
        spark.table(adopted.view)
        .agg(
            F.count(F.lit(1)),
            F.count("_ingest_errors"),
            # As text: Spark would give the machine's own time.
            F.min(time).cast("string"),
            F.max(time).cast("string"),
        )
        .first()
    )
    is_built = spark.catalog.tableExists(contract.staging_table(settings))
    first, last = (
        datetime.fromisoformat(f"{text}+00:00") if text else None for text in counted[2:]
    )
    return adopted.model_copy(
        update={
            "rows": counted[0],
            "rows_with_errors": counted[1],
            "first_event": first,
            "last_event": last,
            "rebuild": f"dbt build --full-refresh --select {contract.staging_model}+"
            if is_other and is_built
            else None,
        }
    )
