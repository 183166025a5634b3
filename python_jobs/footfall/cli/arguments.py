"""What commands take: choices and dates."""

from __future__ import annotations

from datetime import date
from enum import Enum

from footfall.errors import UsageError


class OutputFormat(str, Enum):
    table = "table"
    csv = "csv"
    json = "json"


class FileFormat(str, Enum):
    parquet = "parquet"
    csv = "csv"
    json = "json"


class Workload(str, Enum):
    product = "product"
    training = "training"


class SequenceFormat(str, Enum):
    compact = "compact"
    padded = "padded"


def parse_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date.", "Write it as 2025-08-14.") from None
