"""The job: find out what to rebuild, record it, run it, and say how it went."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from footfall.backfill.gaps import Gap, find_gaps, require_built
from footfall.backfill.models import load_project, require_known
from footfall.backfill.plan import Chunk, Request, State, plan_days, plan_gaps
from footfall.backfill.record import Record
from footfall.backfill.workers import Event, Workers
from footfall.errors import UsageError
from footfall.interrupts import Standing, working
from footfall.project.tables import vars_as_built
from footfall.settings import Settings, get_settings
from footfall.spark.session import get_session
from footfall.spark.shared import await_guests
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)

Progress = Callable[[int, int, str], None]
Say = Callable[[str], None]


class BackfillReport(BaseModel):
    """What a backfill did, or would do (``backfill_id`` None).

    ``resumed`` says that an unfinished one was continued. ``gaps`` is None where none were sought.
    """

    backfill_id: str | None
    resumed: bool
    gaps: list[Gap] | None
    chunks: list[Chunk]

    @property
    def failed(self) -> list[Chunk]:
        """The chunks that ended with an error."""
        return [chunk for chunk in self.chunks if chunk.state is State.failed]


def backfill(
    request: Request | None,
    *,
    resume: str | None = None,
    parallel: int = 1,
    reason: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    say: Say = lambda _line: None,
    settings: Settings | None = None,
) -> BackfillReport:
    """Rebuild days of incremental models, each chunk recorded in ``dq_backfills``.

    Chunks that are done stay done: after a kill, the same request continues with the others.

    Args:
        request: the days and models; None with ``resume``.
        resume: id of an unfinished backfill; an empty text means the newest.
        parallel: how many chunks run at a time, each in a process of its own.
        reason: why, for the record.
        dry_run: say what would run, and write nothing.
        progress: called with chunks done, chunks in all, and what happened last.
        say: called with lines for the user.
        settings: home and schemas; the process's own by default.

    Returns:
        The chunks with their states. A failed chunk stops the steps that build on it.

    Raises:
        UsageError: unknown models or backfill, another target than ``local``.
        FootfallError: a model was never built, or the same backfill is running elsewhere.
    """
    settings = settings or get_settings()
    if (target := os.environ.get("FOOTFALL_TARGET", "local")) != "local":
        raise UsageError(
            f"`footfall backfill` runs on target local, not on {target!r}.",
            "Run `dbt run --select MODELS --vars '{start_date: D, end_date: D}'` there.",
        )
    if request is not None:
        require_known(request.select)
    spark = get_session(settings, join_others=True, serves=True, waits=True, say=say)
    try:
        job = _Job(spark, settings, progress or (lambda _done, _total, _text: None), say)
        return job.run(request, resume, parallel, reason, dry_run)
    finally:
        await_guests(settings.home, say)


class _Job:
    def __init__(
        self, spark: SparkSession, settings: Settings, progress: Progress, say: Say
    ) -> None:
        self.spark = spark
        self.settings = settings
        self.progress = progress
        self.say = say
        self.record = Record(spark, settings)
        self.variables = vars_as_built(spark, settings)

    def run(
        self,
        request: Request | None,
        resume: str | None,
        parallel: int,
        reason: str | None,
        dry_run: bool,
    ) -> BackfillReport:
        backfill_id = self._unfinished(request, resume)
        if backfill_id and dry_run and not (request and request.gaps):
            self.say(f"Backfill {backfill_id} is unfinished; it would be continued.")
            chunks = self.record.chunks(backfill_id)
            return BackfillReport(backfill_id=None, resumed=True, gaps=None, chunks=chunks)
        if backfill_id and not dry_run:
            return self._continue(backfill_id, parallel)
        assert request is not None
        gaps, chunks = self._plan(request)
        if dry_run or not chunks:
            return BackfillReport(backfill_id=None, resumed=False, gaps=gaps, chunks=chunks)
        self.record.create()
        backfill_id = self.record.add(request, reason, chunks)
        with self.record.lock(backfill_id):
            self._execute(backfill_id, chunks, parallel)
        return BackfillReport(backfill_id=backfill_id, resumed=False, gaps=gaps, chunks=chunks)

    def _unfinished(self, request: Request | None, resume: str | None) -> str | None:
        unfinished = self.record.unfinished()
        if request is not None:
            same = (found for found, key in unfinished.items() if key == request.key)
            return next(same, None)
        if resume:
            self.record.chunks(resume)
            return resume
        if not unfinished:
            raise UsageError(
                "There is no unfinished backfill.", "Start one: `footfall backfill --help`."
            )
        return next(iter(unfinished))

    def _continue(self, backfill_id: str, parallel: int) -> BackfillReport:
        with self.record.lock(backfill_id):
            chunks = self.record.chunks(backfill_id)
            undone = sum(chunk.state is not State.done for chunk in chunks)
            all_chunks = count(len(chunks), "chunk")
            self.say(f"Continuing backfill {backfill_id}: {undone} of {all_chunks} to do.")
            self._execute(backfill_id, chunks, parallel)
        return BackfillReport(backfill_id=backfill_id, resumed=True, gaps=None, chunks=chunks)

    def _plan(self, request: Request) -> tuple[list[Gap] | None, list[Chunk]]:
        # Standard output is for the report alone; dbt prints there too.
        with contextlib.redirect_stdout(sys.stderr):
            return self._plan_quietly(request)

    def _plan_quietly(self, request: Request) -> tuple[list[Gap] | None, list[Chunk]]:
        self.progress(0, 0, "reading the project")
        project = load_project(request.select, self.variables)
        require_built(self.spark, list(project.models.values()))
        if not request.gaps:
            return None, plan_days(project, request.days, request.days_per_chunk)
        self.progress(0, 0, "looking for gaps")
        gaps = find_gaps(self.spark, project)
        return gaps, plan_gaps(project, gaps, request.days_per_chunk)

    def _execute(self, backfill_id: str, chunks: Sequence[Chunk], parallel: int) -> None:
        folder = self.record.locks / backfill_id

        def standing() -> Standing:
            done = sum(chunk.state is State.done for chunk in chunks)
            return Standing(
                f"backfill {backfill_id} had finished {done} of {count(len(chunks), 'chunk')}; "
                "what is finished is kept.",
                f"`footfall backfill --resume {backfill_id}` continues it.",
            )

        with working(standing), Workers(parallel, folder, self.variables) as workers:
            for step in sorted({chunk.step for chunk in chunks}):
                todo = [c for c in chunks if c.step == step and c.state is not State.done]
                for event in workers.run(todo):
                    self._note(backfill_id, chunks, event)
                if any(chunk.state is State.failed for chunk in todo):
                    return

    def _note(self, backfill_id: str, chunks: Sequence[Chunk], event: Event) -> None:
        chunk, now = event.chunk, datetime.now(timezone.utc)
        if event.finished:
            chunk.state = State.failed if event.error else State.done
            chunk.error, chunk.finished_at = event.error, now
        else:
            chunk.state, chunk.attempts = State.running, chunk.attempts + 1
            chunk.error, chunk.started_at, chunk.finished_at = None, now, None
        self.record.update(backfill_id, [chunk])
        log.info(
            "backfill_chunk",
            backfill_id=backfill_id, chunk=chunk.chunk, state=chunk.state.value, error=chunk.error,
        )  # fmt: skip
        done = sum(c.state is State.done for c in chunks)
        self.progress(done, len(chunks), f"chunk {chunk.chunk} {chunk.state.value}: {chunk.days}")
