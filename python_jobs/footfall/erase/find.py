"""Where a person's rows lie, and what else in the tables depends on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from footfall.erase.person import Identifier, Sought, holds, in_poison, mentions
from footfall.errors import FootfallError
from footfall.ingest.read import ERRORS, KAFKA
from footfall.project.adopted import adoptions
from footfall.project.contracts import Column as ContractColumn
from footfall.project.contracts import Contract, get_contract, load_contracts
from footfall.project.dbt import project_vars
from footfall.project.tables import READS_AT_A_TIME, list_tables
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


@dataclass(frozen=True)
class Holding:
    """A table that may hold rows of a person, and the condition that finds them.

    ``contract`` is the source entity of a bronze or staging table.
    """

    layer: str
    table: str
    identifier: Identifier
    condition: Callable[[Sought], Column]
    contract: Contract | None = None

    def is_persons(self) -> Column:
        """Return the condition as a filter that is never null."""
        return F.coalesce(self.condition(self.identifier.literals()), F.lit(False))


@dataclass(frozen=True)
class Found:
    """What a table holds of the person; ``newest_left`` is the last event date of all others."""

    holding: Holding
    rows: int
    other_rows: int
    dates: frozenset[date]
    newest_left: date | None


@dataclass
class Plan:
    """What an erasure removes and recomputes.

    Attributes:
        rows: number of the person's rows by table.
        dates: event dates whose aggregates change.
        models: staging models whose rows change.
        rebuilt: those of them in which a row of somebody else takes the place of the person's.
    """

    rows: Counter[str] = field(default_factory=Counter)
    dates: set[date] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    rebuilt: set[str] = field(default_factory=set)


def holdings(
    spark: SparkSession, settings: Settings, identifiers: Sequence[Identifier]
) -> list[Holding]:
    """Return the tables that may hold rows of the person, bronze first.

    Bronze tables say by their contract which columns identify whom. Behind them columns of the same
    names hold the same ids; the quarantine holds them in the delivered row.
    """
    tables = list_tables(spark, settings)
    return [
        holding
        for layer, table in tables
        for identifier in identifiers
        if (holding := _holding(spark, settings, identifier, layer, table))
    ]


def require_none_adopted(
    spark: SparkSession, settings: Settings, identifiers: Sequence[Identifier]
) -> None:
    """Refuse to erase a person whose rows lie in a table of somebody else's.

    Raises:
        FootfallError: an adopted table holds such rows.
    """
    for name, adoption in adoptions(spark, settings).items():
        view = get_contract(name).bronze_table(settings)
        for identifier in identifiers:
            holding = _holding(spark, settings, identifier, "bronze", view)
            if holding and not spark.table(view).where(holding.is_persons()).isEmpty():
                raise FootfallError(
                    f"The person has rows in {adoption.table}, which {name} is read from; footfall "
                    "does not write to it.",
                    "Delete them there and run `dbt build`, which takes them out of all tables; "
                    "then call this again for what is left.",
                )


def _holding(
    spark: SparkSession, settings: Settings, identifier: Identifier, layer: str, table: str
) -> Holding | None:
    named = [
        (contract, column)
        for contract in load_contracts().values()
        for column in contract.identifiers_of(identifier.space)
    ]
    types = {item.name: item.dataType.simpleString() for item in spark.table(table).schema.fields}
    if table == f"{settings.schema_of('quality')}.dq_quarantine":
        return Holding(layer, table, identifier, _in_quarantine(named))
    if layer == "bronze":
        owned = [contract for contract, _ in named if contract.bronze_table(settings) == table]
        names = {column.name for contract, column in named if contract in owned}
        in_table = _in_bronze(sorted(names), types)
    else:
        owned = [contract for contract, _ in named if contract.staging_table(settings) == table]
        names = {column.name for _, column in named}
        in_table = _in_columns(sorted(names & set(types)), types)
    if not names & set(types):
        return None
    return Holding(layer, table, identifier, in_table, owned[0] if owned else None)


def _in_columns(columns: Sequence[str], types: dict[str, str]) -> Callable[[Sought], Column]:
    def condition(sought: Sought) -> Column:
        return reduce(or_, (holds(column, types[column], sought) for column in columns))

    return condition


def _in_bronze(columns: Sequence[str], types: dict[str, str]) -> Callable[[Sought], Column]:
    def condition(sought: Sought) -> Column:
        mentioned = (mentions(ERRORS, column, sought) for column in columns)
        # A table from before its contract had a column gets it with the next build.
        present = [column for column in columns if column in types]
        is_persons = reduce(or_, mentioned, _in_columns(present, types)(sought))
        # Files alone make no such column.
        return is_persons | in_poison(KAFKA, sought) if KAFKA in types else is_persons

    return condition


def _in_quarantine(named: Sequence[tuple[Contract, ContractColumn]]) -> Callable[[Sought], Column]:
    def condition(sought: Sought) -> Column:
        delivered = [
            (F.col("source") == contract.name)
            & (
                (F.get_json_object("payload", f"$.{column.name}") == sought.text)
                | mentions("reject_reasons", column.name, sought)
            )
            for contract, column in named
        ]
        return reduce(or_, delivered)

    return condition


def look(spark: SparkSession, places: Sequence[Holding]) -> list[Found]:
    """Count the person's rows in each table and collect their event dates."""
    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        return list(pool.map(lambda holding: _look_in(spark, holding), places))


def _look_in(spark: SparkSession, holding: Holding) -> Found:
    frame = spark.table(holding.table)
    is_persons = holding.is_persons()
    dated = "event_date" in frame.columns and holding.layer != "quality"
    day = F.col("event_date") if dated else F.lit(None).cast("date")
    row = frame.agg(
        F.count_if(is_persons).alias("rows"),
        F.count_if(~is_persons).alias("other_rows"),
        F.collect_set(F.when(is_persons, day)).alias("dates"),
        F.max(F.when(~is_persons, day)).alias("newest_left"),
    ).first()
    assert row is not None
    return Found(
        holding, row["rows"], row["other_rows"], frozenset(row["dates"]), row["newest_left"]
    )


def plan_of(spark: SparkSession, settings: Settings, found: Sequence[Found]) -> Plan:
    """Return what follows from the person's rows."""
    plan = Plan()
    for item in found:
        if not item.rows:
            continue
        plan.rows[item.holding.table] += item.rows
        plan.dates |= item.dates
        if item.holding.layer == "bronze":
            _plan_successors(spark, settings, item.holding, plan)
        elif item.holding.contract:
            plan.models.add(item.holding.contract.staging_model)
    if plan.dates and not plan.models:
        # Rows that only a mart still holds: whatever reads sources of this space may have them.
        plan.models = {
            item.holding.contract.staging_model for item in found if item.holding.contract
        }
    plan.dates |= _new_edges(found, plan.dates)
    return plan


def _new_edges(found: Sequence[Found], dates: set[date]) -> set[date]:
    """Return the newest event dates that remain, where the person had the newest of all.

    Some marts treat the newest day apart (the features of the running month): it moves.
    """
    newest: dict[str, date] = {}
    for item in found:
        contract = item.holding.contract
        if contract and item.newest_left:
            newest[contract.source] = max(newest.get(contract.source, date.min), item.newest_left)
    return {day for day in newest.values() if dates and day < max(dates)}


def _plan_successors(spark: SparkSession, settings: Settings, holding: Holding, plan: Plan) -> None:
    """Plan for keys that were delivered for the person and for somebody else too.

    The first delivery of a key wins. Without the person's, somebody else's is the first. Where
    staging keeps each version of a row, somebody else's may become the newest.
    """
    contract = holding.contract
    assert contract is not None
    names = {column.name for column in contract.identifiers_of(holding.identifier.space)}
    staging = contract.staging_table(settings)
    if not spark.catalog.tableExists(staging):
        return
    bronze = spark.table(holding.table)
    is_persons = holding.is_persons()
    types = {column.name: column.data_type for column in contract.columns}
    day = _event_date(contract.event_time, types[contract.event_time])
    keys = []
    if not names <= {*contract.key}:
        keys.append({key: F.col(key) for key in contract.key})
    if contract.message_id:
        keys.append({"day": day, "id": F.col(contract.message_id)})
    others = bronze.where(~is_persons & _is_plausible(day))
    days = set[date]()
    for key in keys:
        of_person = bronze.where(is_persons).select(
            *(part.alias(f"_{name}") for name, part in key.items())
        )
        if "id" in key:
            of_person = of_person.where("_id is not null")
        same = reduce(and_, (part.eqNullSafe(F.col(f"_{name}")) for name, part in key.items()))
        successors = others.join(of_person.distinct(), same, "left_semi")
        days |= {row["day"] for row in successors.select(day.alias("day")).distinct().collect()}
    if days:
        if not contract.version:
            plan.rebuilt.add(contract.staging_model)
        plan.models.add(contract.staging_model)
        plan.dates |= days


def _event_date(column: str, data_type: str = "timestamp") -> Column:
    """Return the day of a time, as macros/staging/event_date.sql does."""
    if data_type == "date":
        return F.col(column)
    return F.to_date(F.from_utc_timestamp(column, project_vars()["reporting_timezone"]))


def _is_plausible(day: Column) -> Column:
    """Return whether staging accepts a row's day, as macros/staging/time_checks.sql does."""
    known = project_vars()
    earliest, days = known["earliest_event_date"], known["latest_event_days_after_arrival"]
    is_plausible = day.isNotNull()
    if earliest is not None:
        is_plausible &= day >= F.lit(str(earliest)).cast("date")
    if days is not None:
        is_plausible &= day <= F.date_add(_event_date("_ingested_at"), days)
    return is_plausible
