"""Training sequences for a recommender: their export, and reading it into a trainer."""

from footfall.sequences.day import Batch, JaggedBatch, TrainingDay, read_manifest
from footfall.sequences.days import Days, find_days
from footfall.sequences.export import export_folder, export_sequences
from footfall.sequences.manifest import ExportFormat, ExportManifest, Shard
from footfall.sequences.reader import SequenceReader
from footfall.sequences.verify import Verified, verify_exports

__all__ = [
    "Batch",
    "Days",
    "ExportFormat",
    "ExportManifest",
    "JaggedBatch",
    "SequenceReader",
    "Shard",
    "TrainingDay",
    "Verified",
    "export_folder",
    "export_sequences",
    "find_days",
    "read_manifest",
    "verify_exports",
]
