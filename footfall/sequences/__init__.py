"""Training sequences for a recommender: their export."""

from footfall.sequences.days import Days, find_days
from footfall.sequences.export import export_sequences, local_folder
from footfall.sequences.manifest import ExportFormat, ExportManifest, Shard
from footfall.sequences.verify import Verified, verify_exports

__all__ = [
    "Days",
    "ExportFormat",
    "ExportManifest",
    "Shard",
    "Verified",
    "export_sequences",
    "find_days",
    "local_folder",
    "verify_exports",
]
