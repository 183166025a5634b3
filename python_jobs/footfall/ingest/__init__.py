"""Ingestion: files, or messages of a topic, into the bronze table of an entity, each once."""

from footfall.ingest.job import ingest
from footfall.ingest.kafka import Feed, StreamReport, Topic, ingest_topics
from footfall.ingest.mapping import (
    Mapping,
    load_mapping,
    mapped_entities,
    read_mapping,
    shipped_mapping,
)
from footfall.ingest.report import IngestReport, LoadedFile, RejectedFile, SkippedFile

__all__ = [
    "Feed",
    "IngestReport",
    "LoadedFile",
    "Mapping",
    "RejectedFile",
    "SkippedFile",
    "StreamReport",
    "Topic",
    "ingest",
    "ingest_topics",
    "load_mapping",
    "mapped_entities",
    "read_mapping",
    "shipped_mapping",
]
