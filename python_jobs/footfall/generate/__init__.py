"""Synthetic interaction logs: of all sources, skewed, dirty, late and consistent; or of the shop
alone at the scale of production."""

from footfall.generate.buckets import bucket_of
from footfall.generate.dirt import DirtShares
from footfall.generate.run import Progress, generate
from footfall.generate.shop import TrainingPlan
from footfall.generate.stream import FileSink, KafkaSink, Stream, streams, write_stream
from footfall.generate.training import estimate_training, generate_training

__all__ = [
    "DirtShares",
    "FileSink",
    "KafkaSink",
    "Progress",
    "Stream",
    "TrainingPlan",
    "bucket_of",
    "estimate_training",
    "generate",
    "generate_training",
    "streams",
    "write_stream",
]
