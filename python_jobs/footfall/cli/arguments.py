"""What commands take: choices, dates, lengths of time and topics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.errors import UsageError

if TYPE_CHECKING:
    from footfall.ingest import Feed


class LogFormat(str, Enum):
    text = "text"
    json = "json"


class OutputFormat(str, Enum):
    table = "table"
    csv = "csv"
    json = "json"


class Engine(str, Enum):
    auto = "auto"
    duckdb = "duckdb"
    spark = "spark"


class ShareFormat(str, Enum):
    duckdb = "duckdb"
    parquet = "parquet"


class Grain(str, Enum):
    day = "day"
    week = "week"
    month = "month"


class FileFormat(str, Enum):
    parquet = "parquet"
    orc = "orc"
    avro = "avro"
    csv = "csv"
    json = "json"


class Tracker(str, Enum):
    segment = "segment"
    snowplow = "snowplow"
    ga4 = "ga4"
    posthog = "posthog"
    amplitude = "amplitude"
    mixpanel = "mixpanel"


class Workload(str, Enum):
    product = "product"
    training = "training"


class OnChange(str, Enum):
    apply = "apply"
    refuse = "refuse"


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


def parse_feeds(
    servers: str, topics: Sequence[str], entity: str | None = None, mapping: Path | None = None
) -> list[Feed]:
    """Return which topic goes into which entity.

    Args:
        servers: of Kafka, ``host:port,…``.
        topics: each ``SOURCE.ENTITY=TOPIC``, or the topic of ``entity`` alone.
        entity: whose topic is named alone.
        mapping: for the messages of that topic.

    Raises:
        UsageError: a topic's entity is not said.
    """
    from footfall.ingest import Feed, Topic

    feeds = []
    for text in topics:
        named, _, topic = text.rpartition("=")
        if not (into := named or entity):
            raise UsageError(
                f"--topic {text} does not say into which entity.",
                f"Write --topic SOURCE.ENTITY={text}.",
            )
        feeds.append(Feed(into, Topic(servers, topic), None if named else mapping))
    return feeds
