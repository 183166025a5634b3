"""Erasure: a person's rows out of every table, with the aggregates that they were in."""

from footfall.erase.job import ErasureReport, check_erased, erase, require_request
from footfall.erase.register import ErasureEntry

__all__ = ["ErasureEntry", "ErasureReport", "check_erased", "erase", "require_request"]
