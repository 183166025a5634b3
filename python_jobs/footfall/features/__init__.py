"""Features as they were at a time, for training sets."""

from footfall.features.point_in_time import point_in_time

__all__ = ["point_in_time"]
