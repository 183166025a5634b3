"""The job: find a person's rows, record, delete, recompute, and remove the files if asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import structlog
from delta.tables import DeltaTable
from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall.erase.find import (
    Found,
    Holding,
    Plan,
    holdings,
    look,
    plan_of,
    require_none_adopted,
)
from footfall.erase.person import Identifier, identifiers_of, joined
from footfall.erase.purge import purge_tables, sweep_tmp
from footfall.erase.rebuild import rebuild
from footfall.erase.register import Erasure, ErasureEntry, Register, find_key, make_key, merge_into
from footfall.errors import FootfallError, UsageError
from footfall.ingest.queue import Queue
from footfall.ingest.record import IngestRecord
from footfall.settings import Settings, get_settings
from footfall.spark.conf import temporary_conf

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)

VECTORS = "spark.databricks.delta.merge.deletionVectors.persistent"

Progress = Callable[[int, int, str], None]


class ErasureReport(BaseModel):
    """What was removed and recomputed, or in a dry run would be.

    Attributes:
        state: ``found`` in a dry run, else ``done``.
        erasure_id: key of the row in dq_erasures; null in a dry run.
        rows: number of the person's rows by table.
        dates: event dates whose aggregates were recomputed.
        rebuilt: staging models that were rebuilt, since another person's row had to take a place.
        resumed: whether an interrupted erasure was finished.
        purged: whether the files are gone too.
    """

    state: str
    erasure_id: str | None = None
    rows: dict[str, int]
    dates: list[date]
    rebuilt: list[str]
    resumed: bool = False
    purged: bool = False

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


def erase(
    spark: SparkSession,
    *,
    user: str | None = None,
    customer: str | None = None,
    reason: str = "",
    dry_run: bool = False,
    purge: bool = False,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> ErasureReport:
    """Remove a person from all tables and recompute what the person's rows went into.

    Afterwards every table equals what a full refresh gives from the bronze rows that remain. A call
    that was killed is finished by the same call.

    Args:
        spark: the session.
        user: the person's id in the product and the app.
        customer: the person's id in the shop and the CRM.
        reason: why; stands in ``dq_erasures`` and must not name the ids.
        dry_run: count and write nothing.
        purge: also remove the files and log entries that earlier versions need, which ends time
            travel for the tables that held the person. Without it they stay until VACUUM.
        settings: home and schemas; dbt takes the same from the environment.
        progress: called with (done, total, label).

    Raises:
        UsageError: no id, no reason, or a reason that names an id.
        FootfallError: nothing was found, an adopted table holds the person's rows, an ingest is
            running, or dbt failed.
    """
    settings = settings or get_settings()
    identifiers = require_request(user, customer, None if dry_run else reason)
    require_none_adopted(spark, settings, identifiers)
    if dry_run:
        plan = _dry_run(spark, settings, identifiers)
        return _report(plan, state="found")
    register = Register(spark, settings, make_key(settings), identifiers)
    with ExitStack() as locks:
        places = holdings(spark, settings, identifiers)
        for holding in places:
            if holding.layer == "bronze" and holding.contract:
                name = holding.contract.name
                locks.enter_context(Queue(settings.ingest_dir / name).lock(name))
        job = _Job(spark, settings, identifiers, register, places, purge, progress or _silent)
        return job.run(reason)


def check_erased(
    spark: SparkSession,
    *,
    user: str | None = None,
    customer: str | None = None,
    settings: Settings | None = None,
) -> list[ErasureEntry]:
    """Return the recorded erasures of a person, oldest first.

    Args:
        spark: the session.
        user: the person's id in the product and the app.
        customer: the person's id in the shop and the CRM.
        settings: home, key and schemas.

    Raises:
        UsageError: no id was given.
    """
    settings = settings or get_settings()
    identifiers = require_request(user, customer, None)
    key = find_key(settings)
    return Register(spark, settings, key, identifiers).entries() if key else []


def _dry_run(spark: SparkSession, settings: Settings, identifiers: Sequence[Identifier]) -> Plan:
    plan = plan_of(spark, settings, look(spark, holdings(spark, settings, identifiers)))
    key = find_key(settings)
    interrupted = Register(spark, settings, key, identifiers).interrupted() if key else None
    if interrupted:
        merge_into(plan, interrupted.plan)
    if not plan.rows:
        raise _nothing_found(identifiers)
    return plan


def require_request(user: str | None, customer: str | None, reason: str | None) -> list[Identifier]:
    """Return the ids that were given; what is wrong with a request is said without Spark.

    Args:
        user: the person's id in the product and the app.
        customer: the person's id in the shop and the CRM.
        reason: why; None where none is needed.

    Raises:
        UsageError: no id, no reason, or a reason that names an id.
    """
    identifiers = identifiers_of(user, customer)
    if reason is None:
        return identifiers
    if not reason.strip():
        raise UsageError("No reason is given.", 'Give --reason, such as --reason "GDPR art. 17".')
    if any(identifier.is_named_in(reason) for identifier in identifiers):
        raise UsageError(
            "The reason names the id, and reasons stay on record.",
            "Leave the id out; name a ticket instead.",
        )
    return identifiers


def _nothing_found(identifiers: Sequence[Identifier]) -> FootfallError:
    spaces = " and ".join(identifier.space for identifier in identifiers)
    return FootfallError(
        f"Nothing was found for this {spaces} id.",
        "Give the id as it was delivered, capitals and leading zeros included; a user id is not a "
        "customer id. `--check` says whether it was erased before.",
    )


def _silent(_done: int, _total: int, _label: str) -> None:
    pass


def _report(plan: Plan, state: str, erasure_id: str | None = None) -> ErasureReport:
    return ErasureReport(
        state=state,
        erasure_id=erasure_id,
        rows=dict(plan.rows),
        dates=sorted(plan.dates),
        rebuilt=sorted(plan.rebuilt),
    )


@dataclass
class _Job:
    spark: SparkSession
    settings: Settings
    identifiers: Sequence[Identifier]
    register: Register
    places: Sequence[Holding]
    purge: bool
    progress: Progress
    done: int = 0
    total: int = 0

    def run(self, reason: str) -> ErasureReport:
        interrupted = self.register.interrupted()
        found = look(self.spark, self.places)
        plan = plan_of(self.spark, self.settings, found)
        if not plan.rows and not interrupted:
            return self._purge_earlier()
        held = [item for item in found if item.rows]
        self.total = 2 + len(held) + (len(self._tables()) if self.purge else 0)
        # What was found stands in the register before anything is deleted.
        erasure = self._record(plan, interrupted, reason)
        self._advance("recorded")
        for item in held:
            self._delete(item)
            self._advance(item.holding.table)
        rebuild(self.spark, self.settings, erasure.plan)
        self._advance("recomputed")
        if self.purge:
            self._purge()
        self.register.finish(erasure, self.purge)
        log.info("erased", erasure_ids=erasure.ids, rows=sum(erasure.plan.rows.values()))
        report = _report(erasure.plan, "done", erasure.ids[0])
        return report.model_copy(update={"resumed": interrupted is not None, "purged": self.purge})

    def _advance(self, label: str) -> None:
        self.done += 1
        self.progress(self.done, self.total, label)

    def _record(self, plan: Plan, interrupted: Erasure | None, reason: str) -> Erasure:
        if interrupted is None:
            return self.register.start(plan, reason)
        self.register.widen(interrupted, plan)
        return interrupted

    def _delete(self, found: Found) -> None:
        """Delete the person's rows of one table; the table's log must not show the id."""
        holding = found.holding
        if holding.layer == "bronze":
            self._settle_ingestion(found)
        with temporary_conf(self.spark, {VECTORS: "false"}):
            (
                DeltaTable.forName(self.spark, holding.table)
                .merge(
                    holding.identifier.frame(self.spark),
                    F.coalesce(holding.condition(joined()), F.lit(False)),
                )
                .whenMatchedDelete()
                .execute()
            )

    def _settle_ingestion(self, found: Found) -> None:
        """Complete the record of files while the rows that tell of them are still there."""
        contract = found.holding.contract
        assert contract is not None
        record = IngestRecord(self.spark, self.settings, contract)
        record.open()
        if not found.other_rows:
            record.expect_empty()

    def _tables(self) -> list[str]:
        return sorted({holding.table for holding in self.places})

    def _purge(self) -> None:
        purge_tables(
            self.spark,
            self.settings,
            self._tables(),
            lambda table: self._advance(f"purged {table}"),
        )
        sweep_tmp(self.spark, self.settings)

    def _purge_earlier(self) -> ErasureReport:
        """Purge after an erasure that was done without it."""
        entries = [entry for entry in self.register.entries() if not entry.purged_at]
        if not (self.purge and entries):
            raise _nothing_found(self.identifiers)
        self.total = len(self._tables())
        self._purge()
        self.register.purged([entry.erasure_id for entry in entries])
        report = _report(Plan(Counter()), "done", entries[-1].erasure_id)
        return report.model_copy(update={"purged": True})
