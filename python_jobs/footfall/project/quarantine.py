"""What staging rejected: counts by reason, and the rows."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall.errors import FootfallError
from footfall.project.contracts import get_contract
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RULE = r"^[^:]+"
"""The name of a broken rule; behind a colon comes the value that ingestion could not convert."""


class RejectedRows(BaseModel):
    """How many rows of an entity broke a rule. A row that broke two counts in both.

    Attributes:
        source: the entity, ``source.entity``.
        reason: the broken rule, as in ``price_not_above_0``.
        rows: how many.
        first_load: the earliest load with such a row.
        last_load: the newest one.
        example: the reason of one of them, with its value where the rule tells it.
    """

    source: str
    reason: str
    rows: int
    first_load: int
    last_load: int
    example: str


class RejectedRow(BaseModel):
    """One rejected row.

    Attributes:
        source: the entity.
        load_id: its load.
        event_date: its day; None where it has no time.
        reject_reasons: the rules that it broke.
        payload: the delivered columns.
        source_file: which file, or message, delivered it.
        ingested_at: when it was loaded, UTC.
    """

    source: str
    load_id: int
    event_date: date | None
    reject_reasons: list[str]
    payload: dict[str, Any]
    source_file: str | None
    ingested_at: datetime


def list_rejected(
    spark: SparkSession,
    settings: Settings,
    *,
    source: str | None = None,
    since_load: int | None = None,
) -> list[RejectedRows]:
    """Return the rejected rows by entity and rule, the most frequent first.

    Args:
        spark: the session.
        settings: names the schema.
        source: an entity; all by default.
        since_load: only rows of this load and later ones.

    Raises:
        UsageError: an unknown entity.
        FootfallError: nothing is built yet.
    """
    reason = F.explode("reject_reasons").alias("example")
    broken = (
        rejected_rows(spark, settings, source, since_load)
        .select("source", "load_id", reason)
        .withColumn("reason", F.regexp_extract("example", RULE, 0))
        .groupBy("source", "reason")
        .agg(
            F.count("*").alias("rows"),
            F.min("load_id").alias("first_load"),
            F.max("load_id").alias("last_load"),
            F.min("example").alias("example"),
        )
        .orderBy(F.desc("rows"), "source", "reason")
    )
    return [RejectedRows(**row.asDict()) for row in broken.collect()]


def show_rejected(
    spark: SparkSession,
    settings: Settings,
    source: str,
    *,
    reason: str | None = None,
    since_load: int | None = None,
    limit: int = 20,
) -> list[RejectedRow]:
    """Return rejected rows of an entity, those of the newest load first.

    Args:
        spark: the session.
        settings: names the schema.
        source: the entity.
        reason: a broken rule, such as ``user_id_missing``.
        since_load: only rows of this load and later ones.
        limit: at most so many.

    Raises:
        UsageError: an unknown entity.
        FootfallError: nothing is built yet.
    """
    rows = rejected_rows(spark, settings, source, since_load)
    if reason:
        rules = F.transform("reject_reasons", lambda told: F.regexp_extract(told, RULE, 0))
        rows = rows.where(F.array_contains(rules, reason))
    newest = rows.orderBy(F.desc("load_id"), "payload").limit(limit)
    return [
        RejectedRow(
            **{name: row[name] for name in RejectedRow.model_fields if name in row}
            | {
                "payload": json.loads(row["payload"]),
                "ingested_at": row["ingested_at"].astimezone(timezone.utc),
            }
        )
        for row in newest.collect()
    ]


def rejected_rows(
    spark: SparkSession,
    settings: Settings,
    source: str | None = None,
    since_load: int | None = None,
) -> DataFrame:
    """Return rows of the quarantine as they stand there.

    Args:
        spark: the session.
        settings: names the schema.
        source: an entity; all by default.
        since_load: only rows of this load and later ones.

    Raises:
        UsageError: an unknown entity.
        FootfallError: nothing is built yet.
    """
    table = f"{settings.schema_of('quality')}.dq_quarantine"
    if not spark.catalog.tableExists(table):
        raise FootfallError(f"There is no table {table}.", "Run `dbt build` first.")
    rows = spark.table(table)
    if source:
        rows = rows.where(F.col("source") == get_contract(source).name)
    if since_load is not None:
        rows = rows.where(F.col("load_id") >= since_load)
    return rows
