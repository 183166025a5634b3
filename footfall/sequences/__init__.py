"""Training sequences for a recommender: their export, and reading it into a trainer."""

from footfall.sequences.day import Batch, TrainingDay, read_manifest
from footfall.sequences.export import ExportFormat, ExportManifest, export_sequences
from footfall.sequences.reader import SequenceReader

__all__ = [
    "Batch",
    "ExportFormat",
    "ExportManifest",
    "SequenceReader",
    "TrainingDay",
    "export_sequences",
    "read_manifest",
]
