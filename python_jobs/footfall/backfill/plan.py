"""What a backfill does: chunks of days and models, in steps that build on each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import Enum

from pydantic import BaseModel

from footfall.backfill.gaps import Gap, GapState
from footfall.backfill.models import Project
from footfall.errors import UsageError

DAYS_PER_CHUNK = 7


class State(str, Enum):
    planned = "planned"
    running = "running"
    done = "done"
    failed = "failed"


class Kind(str, Enum):
    """How a chunk runs: ``dates`` rebuilds stated days, ``loads`` what new loads have affected."""

    dates = "dates"
    loads = "loads"


class Request(BaseModel):
    """What the user asked for; the same request again continues an unfinished backfill.

    ``days`` is sorted and without duplicates, empty with ``gaps``.
    """

    days: list[date] = []
    gaps: bool = False
    select: list[str] = []
    days_per_chunk: int = DAYS_PER_CHUNK

    @property
    def key(self) -> str:
        """The request as text that is equal for equal requests."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


class Chunk(BaseModel):
    """One dbt run of a backfill: one row of ``dq_backfills``.

    Chunks of one step are independent of each other; a step starts when the one before is done.
    """

    chunk: int
    step: int
    kind: Kind
    dates: list[date]
    models: list[str]
    state: State = State.planned
    attempts: int = 0
    error: str | None = None
    requested_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds(), 1)

    @property
    def days(self) -> str:
        """The days as a user reads them."""
        if not self.dates:
            return "by loads"
        first, last = self.dates[0], self.dates[-1]
        if len(self.dates) == 1:
            return first.isoformat()
        whole = (last - first).days + 1 == len(self.dates)
        return f"{first} … {last}" + ("" if whole else f" ({len(self.dates)} days)")


def parse_days(start: date | None, end: date | None, days: Sequence[date]) -> list[date]:
    """Return the days that a range or a list names, sorted.

    Raises:
        UsageError: both, neither, half a range, or a start after the end.
    """
    if days and (start or end):
        raise UsageError("--days and --start/--end were both given.", "Use one of them.")
    if days:
        return sorted(set(days))
    if start is None or end is None:
        raise UsageError("No days are given.", "Add --start and --end, --days D,D,… or --gaps.")
    if start > end:
        raise UsageError(f"--start {start} lies after --end {end}.", "Swap them.")
    return [start + timedelta(days=offset) for offset in range((end - start).days + 1)]


def plan_days(project: Project, days: list[date], days_per_chunk: int) -> list[Chunk]:
    """Return the chunks that rebuild all chosen models on the given days."""
    return _plan(project, {day: list(project.models) for day in days}, days_per_chunk)


def plan_gaps(project: Project, gaps: Sequence[Gap], days_per_chunk: int) -> list[Chunk]:
    """Return the chunks that close the gaps: missing days first, then what new loads affect."""
    models_of: dict[date, list[str]] = {}
    for gap in gaps:
        if gap.state is not GapState.stale:
            for day in gap.dates or []:
                models_of.setdefault(day, []).append(gap.model)
    chunks = _plan(project, models_of, days_per_chunk)
    stale = [gap for gap in gaps if gap.state is GapState.stale]
    if stale:
        dates = sorted({day for gap in stale for day in gap.dates or []})
        chunks.append(
            Chunk(
                chunk=len(chunks) + 1,
                step=3,
                kind=Kind.loads,
                dates=dates,
                models=[gap.model for gap in stale],
            )
        )
    return chunks


def _plan(project: Project, models_of: dict[date, list[str]], days_per_chunk: int) -> list[Chunk]:
    wide = {name for name, model in project.models.items() if model.wide}
    later = wide | project.after(wide)
    groups: dict[tuple[str, ...], list[date]] = {}
    for day in sorted(models_of):
        day_local = tuple(name for name in models_of[day] if name not in later)
        if day_local:
            groups.setdefault(day_local, []).append(day)
    parts = [
        (1, models, days[first : first + days_per_chunk])
        for models, days in groups.items()
        for first in range(0, len(days), days_per_chunk)
    ]
    last = [name for name in project.models if any(name in m for m in models_of.values())]
    last = [name for name in last if name in later]
    if last:
        days = sorted(day for day, models in models_of.items() if set(models) & later)
        parts.append((2, tuple(last), days))
    return [
        Chunk(chunk=number, step=step, kind=Kind.dates, dates=days, models=list(models))
        for number, (step, models, days) in enumerate(parts, start=1)
    ]
