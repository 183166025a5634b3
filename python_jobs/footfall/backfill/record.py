"""The table ``dq_backfills``: one row per chunk, so that a backfill can be followed and resumed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from footfall.backfill.plan import Chunk, Request, State
from footfall.errors import FootfallError, UsageError
from footfall.locks import locked
from footfall.project.records import BACKFILLS, record_table
from footfall.settings import Settings
from footfall.spark.conflicts import run_statement

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UPDATED = ("state", "attempts", "error", "started_at", "finished_at")


class Record:
    """The rows of all backfills of one schema prefix."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark = spark
        self.settings = settings
        self.declared = record_table(BACKFILLS)
        self.table = self.declared.name_in(settings)
        self.locks = settings.home / "backfill" / settings.db_schema

    def exists(self) -> bool:
        return bool(self.spark.catalog.tableExists(self.table))

    def create(self) -> None:
        """Create the table where it does not exist."""
        if self.exists():
            return
        # Two backfills may start at a time; the catalog refuses to create one table twice.
        self.locks.mkdir(parents=True, exist_ok=True)
        with locked(self.locks / "create.lock"):
            self.declared.create(self.spark, self.settings)

    def add(self, request: Request, reason: str | None, chunks: Sequence[Chunk]) -> str:
        """Write a new backfill's chunks and return its id."""
        now = datetime.now(timezone.utc)
        backfill_id = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        for chunk in chunks:
            chunk.requested_at = now
        rows = [
            _row(backfill_id, chunk) | {"reason": reason, "request": request.key}
            for chunk in chunks
        ]
        self.declared.append(self.spark, self.settings, rows)
        return backfill_id

    def update(self, backfill_id: str, chunks: Sequence[Chunk]) -> None:
        """Write the state of chunks."""
        frame = self.spark.createDataFrame(
            [_row(backfill_id, c) for c in chunks], self.declared.ddl
        )
        frame.coalesce(1).createOrReplaceTempView("footfall_backfill_chunks")
        sets = ", ".join(f"old.{column} = new.{column}" for column in UPDATED)
        statement = (
            f"merge into {self.table} as old using footfall_backfill_chunks as new "
            "on old.backfill_id = new.backfill_id and old.chunk = new.chunk "
            f"when matched then update set {sets}"
        )
        run_statement(self.spark, statement)

    def unfinished(self) -> dict[str, str]:
        """Return the request of each unfinished backfill by id, the newest first."""
        if not self.exists():
            return {}
        rows = self.spark.sql(
            "select backfill_id, max(request) as request, max(requested_at) as requested_at "
            f"from {self.table} group by backfill_id "
            f"having count_if(state != '{State.done.value}') > 0 "
            "order by requested_at desc, backfill_id desc"
        )
        return {row[0]: row[1] for row in rows.collect()}

    def chunks(self, backfill_id: str) -> list[Chunk]:
        """Return the chunks of a backfill.

        Raises:
            UsageError: there is no such backfill.
        """
        rows = []
        if self.exists():
            rows = (
                self.spark.table(self.table)
                .where(F.col("backfill_id") == backfill_id)
                .select("chunk", "step", "kind", "dates", "models", "state", "attempts", "error")
                .orderBy("chunk")
                .collect()
            )
        if not rows:
            raise UsageError(
                f"There is no backfill {backfill_id!r}.",
                f'`footfall query "select * from {self.table}"` lists them.',
            )
        return [Chunk(**row.asDict()) for row in rows]

    @contextmanager
    def lock(self, backfill_id: str) -> Iterator[None]:
        """Hold a backfill.

        Raises:
            FootfallError: another process runs it.
        """
        self.locks.mkdir(parents=True, exist_ok=True)
        with locked(
            self.locks / f"{backfill_id}.lock",
            lambda process: FootfallError(
                f"Backfill {backfill_id} is already running (process {process}).",
                "Wait for it, or ask for other days.",
            ),
        ):
            yield


def _row(backfill_id: str, chunk: Chunk) -> dict[str, Any]:
    row = chunk.model_dump() | {"backfill_id": backfill_id, "reason": None, "request": None}
    return row | {"kind": chunk.kind.value, "state": chunk.state.value}
