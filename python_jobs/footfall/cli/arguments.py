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


SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_seconds(text: str) -> float:
    """Return the seconds that a text such as ``30s``, ``5m`` or ``1h`` names."""
    number, unit = text[:-1], text[-1:]
    if unit not in SECONDS or not number.isdecimal() or int(number) == 0:
        raise UsageError(f"{text!r} is no length of time.", "Write it as 30s, 5m or 1h.")
    return float(int(number) * SECONDS[unit])
