"""Synthetic interaction logs of all sources: skewed, dirty, late, and consistent."""

from footfall.generate.dirt import DirtShares
from footfall.generate.run import Progress, generate

__all__ = ["DirtShares", "Progress", "generate"]
