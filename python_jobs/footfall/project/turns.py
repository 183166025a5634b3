"""The record of turns of ingestion and build: what each did, and how long its data took."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from footfall.words import count

RECORD = "turns.jsonl"


class Turn(BaseModel):
    """What one turn did.

    Attributes:
        started_at: in UTC.
        files: loaded, by entity.
        messages: loaded from Kafka, by entity.
        rejected: files that could not be loaded, with the reason.
        rows: loaded.
        loads: that were committed, by entity.
        built: models, snapshots and seeds that dbt ran.
        alerts: messages that were sent about the build.
        ingest_seconds: of loading.
        build_seconds: of dbt.
        lag_seconds: from the oldest loaded file's last change, or the oldest loaded message, to
            the end of the build; None where nothing was loaded and built.
        error: what ended the turn early.
    """

    started_at: datetime
    files: dict[str, int] = {}
    messages: dict[str, int] = {}
    rejected: list[str] = []
    rows: int = 0
    loads: dict[str, list[int]] = {}
    built: int = 0
    alerts: int = 0
    ingest_seconds: float = 0.0
    build_seconds: float = 0.0
    lag_seconds: float | None = None
    error: str | None = None

    @property
    def had_work(self) -> bool:
        return bool(self.files or self.messages or self.rejected or self.built or self.error)

    def line(self) -> str:
        """Return the turn as a line of progress."""
        clock = f"{self.started_at:%Y-%m-%d %H:%M:%S} UTC"
        if self.error:
            return f"{clock}  failed: {self.error}"
        rate = self.rows / self.ingest_seconds if self.ingest_seconds else 0
        lag = f", lag {self.lag_seconds:,.0f} s" if self.lag_seconds is not None else ""
        messages = f"{count(sum(self.messages.values()), 'message')}, " if self.messages else ""
        return (
            f"{clock}  {count(sum(self.files.values()), 'file')}, {messages}"
            f"{count(self.rows, 'row')} "
            f"({rate:,.0f} rows/s), {count(len(self.rejected), 'file')} rejected, "
            f"{count(self.built, 'node')} built in {self.build_seconds:,.0f} s{lag}"
        )


def last_turn(home: Path) -> Turn | None:
    """Return the newest turn on record, None where there is none.

    Args:
        home: FOOTFALL_HOME.
    """
    file = home / RECORD
    if not file.is_file():
        return None
    with file.open("rb") as record:
        record.seek(max(0, file.stat().st_size - 65536))
        lines = [line for line in record.read().splitlines() if line.endswith(b"}")]
    return Turn(**json.loads(lines[-1])) if lines else None
