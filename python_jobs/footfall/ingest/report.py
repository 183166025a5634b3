"""What one call of ingestion did."""

from __future__ import annotations

from pydantic import BaseModel


class LoadedFile(BaseModel):
    """A file whose rows are in the bronze table.

    ``file_rows`` counts what the file holds, ``rows`` what of it was loaded: the two differ only by
    the rows that ``where`` of the mapping leaves out.
    """

    source_file: str
    load_id: int
    file_rows: int
    rows: int
    rows_with_errors: int


class SkippedFile(BaseModel):
    """A file whose content was loaded before."""

    source_file: str
    reason: str


class RejectedFile(BaseModel):
    """A file of which no row was loaded; the reason names file, column, types and the fix."""

    source_file: str
    reason: str


class IngestReport(BaseModel):
    """What one call of :func:`footfall.ingest.ingest` did.

    Attributes:
        source: the entity, ``source.entity``.
        table: its bronze table.
        loaded: files loaded by this call, those that an earlier, broken call had queued included.
        skipped: files that were loaded before.
        rejected: files that could not be loaded.
        rows: rows loaded.
        rows_with_errors: those of them with a value that could not be read or mapped.
        rows_not_selected: rows that ``where`` of the mapping left out.
        load_ids: the loads that this call committed.
        ignored_columns: columns of the files that nothing uses.
        conversions: columns that are stored as another type than the contract's, for example
            ``user_id: int64 read as string``.
    """

    source: str
    table: str
    loaded: list[LoadedFile] = []
    skipped: list[SkippedFile] = []
    rejected: list[RejectedFile] = []
    rows: int = 0
    rows_with_errors: int = 0
    rows_not_selected: int = 0
    load_ids: list[int] = []
    ignored_columns: list[str] = []
    conversions: list[str] = []
