"""Training sequences for a recommender: their export."""

from footfall.sequences.export import ExportFormat, ExportManifest, export_sequences

__all__ = ["ExportFormat", "ExportManifest", "export_sequences"]
