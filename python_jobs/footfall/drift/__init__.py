"""Drift: whether the values of a table's columns are distributed as they were before."""

from footfall.drift.distance import Distance, compare
from footfall.drift.job import ColumnDrift, DriftReport, Thresholds, find_drift

__all__ = ["ColumnDrift", "Distance", "DriftReport", "Thresholds", "compare", "find_drift"]
