"""Judge the rows of an entity anew, by the rules that its contract has now.

A replay becomes a load without rows of its own. It names the days on which the rules of today
accept other rows than staging holds; each table takes it in once, with its next build, like the
updates of an adopted table (``macros/replays``). Files that a wrong mapping spoilt are read again
before, in the place of their rows.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import BaseModel

from footfall.errors import FootfallError, UsageError
from footfall.ingest.again import read_again
from footfall.ingest.queue import Queue
from footfall.ingest.record import IngestRecord
from footfall.project.adopted import require_not_adopted
from footfall.project.contracts import Contract, get_contract
from footfall.project.dbt import run_dbt
from footfall.project.protocol import built_under, reflected_loads, table_properties
from footfall.project.records import REPLAYS, record_table
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)


class Replay(BaseModel):
    """What judging an entity's rows anew changes.

    Attributes:
        source: the entity, ``source.entity``.
        files: that are read again by another mapping.
        load_id: the replay's number among the entity's loads; None where nothing was recorded.
        dates: the event dates on which other rows are accepted than before.
        rows_before: accepted rows of these dates in staging.
        rows_after: accepted rows of these dates now.
        rules_changed: whether the rules differ from those that staging was built under. Then the
            reasons of rows that stay rejected may be others, too.
    """

    source: str
    files: list[str] = []
    load_id: int | None = None
    dates: list[date]
    rows_before: int
    rows_after: int
    rules_changed: bool

    @property
    def changes_something(self) -> bool:
        return bool(self.dates or self.files or self.rules_changed)


def replay(
    spark: SparkSession,
    settings: Settings,
    source: str,
    *,
    mapping: Path | None = None,
    dry_run: bool = False,
) -> Replay:
    """Find what the rules of today change, and record it as a load for the next build.

    Args:
        spark: the session.
        settings: home and schemas.
        source: the entity, ``source.entity``.
        mapping: a corrected mapping, by which the files with rejected rows are read again first.
        dry_run: record nothing. With a mapping, days are not told: no file is read.

    Raises:
        UsageError: an unknown entity, one whose rows are read from an adopted table, or one that
            was never staged; a mapping that does not fit.
        FootfallError: another call loads the entity; its key does not tell the day of a row, so
            that staging has to be built anew as a whole; or a file cannot be read again.
    """
    contract = get_contract(source)
    require_not_adopted(spark, settings, contract)
    with Queue(settings.ingest_dir / contract.name).lock(contract.name):
        staging = contract.staging_table(settings)
        built = spark.catalog.tableExists(staging)
        properties = table_properties(spark, staging) if built else {}
        newest = reflected_loads(properties).get(contract.name, 0)
        if not newest:
            raise UsageError(
                f"No row of {contract.name} was staged yet.",
                "Run dbt build: it judges all rows by the rules of today.",
            )
        plan = _plan(contract, newest)
        if not plan["is_by_day"]:
            raise FootfallError(
                f"The key of {contract.name} does not tell the day of a row: days cannot be "
                "replayed.",
                f"Build it anew: dbt build --full-refresh --select {contract.staging_model}+",
            )
        loads = IngestRecord(spark, settings, contract)
        loads.open()
        files = read_again(loads, mapping, dry_run=dry_run) if mapping else []
        days = spark.sql(plan["sql"]).collect()
        definitions = built_under(properties)
        rules_before = definitions.get(f"contract.{contract.name}", plan["rules"])
        found = Replay(
            source=contract.name,
            files=files,
            dates=[date.fromisoformat(day["event_date"]) for day in days],
            rows_before=sum(day["staged_rows"] for day in days),
            rows_after=sum(day["judged_rows"] for day in days),
            rules_changed=rules_before != plan["rules"],
        )
        if dry_run or not found.changes_something:
            return found
        return _recorded(loads, found, (rules_before, plan["rules"]))


def _recorded(loads: IngestRecord, found: Replay, rules: tuple[str, str]) -> Replay:
    """Give a replay the next number of the entity's loads."""
    load_id = loads.last_load_id + 1
    replays = record_table(REPLAYS)
    replays.create(loads.spark, loads.settings)
    row = {
        "source": found.source,
        "load_id": load_id,
        "changed_dates": found.dates,
        "rules_before": rules[0],
        "rules_after": rules[1],
        "replayed_at": datetime.now(timezone.utc),
    }
    replays.append(loads.spark, loads.settings, [row])
    log.info("replay_recorded", source=found.source, load_id=load_id, days=len(found.dates))
    return found.model_copy(update={"load_id": load_id})


def _plan(contract: Contract, newest: int) -> dict[str, Any]:
    """Return what dbt says of the entity: its macros know the rules as SQL."""
    text = f"{{{{ footfall.replay_plan('{contract.source}', '{contract.entity}', {newest}) }}}}"
    compiled = run_dbt("compile", "--inline", text, quiet=True)
    plan: dict[str, Any] = json.loads(compiled.results[0].node.compiled_code)
    return plan
