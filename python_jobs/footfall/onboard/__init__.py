"""Other people's files: a mapping is suggested, checked on a sample, and tried."""

from footfall.onboard.check import MappingCheck, check_mapping, check_mapping_of_table
from footfall.onboard.suggest import (
    Finding,
    Suggestion,
    suggest_mapping,
    suggest_mapping_of_table,
)
from footfall.onboard.trial import Trial, try_files

__all__ = [
    "Finding",
    "MappingCheck",
    "Suggestion",
    "Trial",
    "check_mapping",
    "check_mapping_of_table",
    "suggest_mapping",
    "suggest_mapping_of_table",
    "try_files",
]
