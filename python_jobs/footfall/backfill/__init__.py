"""Rebuild days of the marts and training tables: planned, recorded, resumable, in parallel."""

from footfall.backfill.gaps import Gap
from footfall.backfill.job import BackfillReport, backfill
from footfall.backfill.plan import Chunk, Request, parse_days

__all__ = ["BackfillReport", "Chunk", "Gap", "Request", "backfill", "parse_days"]
