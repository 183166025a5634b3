"""Ingestion: files of any source into the bronze Delta table of its contract, each exactly once."""

from footfall.ingest.job import ingest
from footfall.ingest.mapping import Mapping, load_mapping
from footfall.ingest.report import IngestReport, LoadedFile, RejectedFile, SkippedFile

__all__ = [
    "IngestReport",
    "LoadedFile",
    "Mapping",
    "RejectedFile",
    "SkippedFile",
    "ingest",
    "load_mapping",
]
