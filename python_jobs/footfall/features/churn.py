"""The training data of the example: does a customer who was there come back?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import csv
from pydantic import BaseModel, ConfigDict, Field

from footfall.errors import FootfallError, UsageError
from footfall.features.point_in_time import point_in_time
from footfall.project.protocol import built_under, table_properties
from footfall.settings import Settings
from footfall.spark.time_travel import explained, newest_versions, read_at
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FEATURES = (
    "purchase_frequency",
    "total_spend",
    "avg_transaction_value",
    "recency_days",
    "days_since_last_transaction",
    "transaction_frequency_last_30_days",
    "average_session_duration",
    "event_conversion_rate",
)
LABEL = "has_returned"
MOST_CUSTOMERS = 50_000
"""Of more, a share is taken by a hash of their ids: the driver holds the training data."""


class Question(BaseModel):
    """Who is asked about, when, and for how long she is followed.

    Attributes:
        active_days: customers with a session in the days that end with the as-of date.
        horizon_days: whether they have a session in the days after it.
        every_days: from one as-of date to the next.
    """

    model_config = ConfigDict(frozen=True)

    active_days: int = Field(default=30, ge=1)
    horizon_days: int = Field(default=30, ge=1)
    every_days: int = Field(default=7, ge=1)


@dataclass(frozen=True)
class TrainingData:
    """The answers, with the features as they were when it was asked.

    Attributes:
        rows: ``customer_id``, ``as_of_date``, ``has_returned`` and the features, null where
            there is none; in the order of customer and date.
        versions: of the Delta tables that were read.
        definitions: what the features were built under, such as the reporting currency.
    """

    rows: pa.Table
    versions: Mapping[str, int]
    definitions: Mapping[str, str]

    @property
    def checksum(self) -> str:
        """SHA-256 of the rows as CSV, in hexadecimal."""
        text = BytesIO()
        csv.write_csv(self.rows, text)
        return sha256(text.getbuffer()).hexdigest()


def training_data(
    spark: SparkSession,
    settings: Settings,
    question: Question,
    versions: Mapping[str, int] | None = None,
) -> TrainingData:
    """Ask the question as of each date that allows an answer, and join the features of that time.

    Args:
        spark: the session.
        settings: names the schemas.
        question: what is asked.
        versions: of the tables, as an earlier call returned them; by default the newest.

    Raises:
        UsageError: the marts were not built.
        FootfallError: they hold too few days, or a version can no longer be read.
    """

    features_view, sessions_table = (
        f"{settings.schema_of('gold')}.{mart}"
        for mart in ("fct_customer_features", "fct_customer_sessions")
    )
    for mart in (features_view, sessions_table):
        if not spark.catalog.tableExists(mart):
            raise UsageError(
                f"There is no table {mart}.",
                "Build it: `dbt build --select +fct_customer_features +fct_customer_sessions`.",
            )
    definitions = built_under(table_properties(spark, features_view))
    pinned = dict(versions or newest_versions(spark, (features_view, sessions_table)))
    with explained(pinned, "Train anew without --repeat; VACUUM keeps 168 hours of versions."):
        features = read_at(spark, features_view, pinned)
        sessions = _of_some_customers(read_at(spark, sessions_table, pinned))
        spine = _spine(sessions, _as_of_dates(features, sessions, question), question)
        zone = definitions["reporting_timezone"]
        joined = point_in_time(
            spine.withColumn("asked_at", _end_of("as_of_date", zone)),
            held_features(features, zone),
            ["customer_id"],
            spine_at="asked_at",
            features_at="held_from",
        )
        rows = joined.drop("asked_at").orderBy("customer_id", "as_of_date").toArrow()
    return TrainingData(rows, pinned, definitions)


def held_features(features: DataFrame, zone: str) -> DataFrame:
    """Return a customer's features as numbers, and from when they held.

    Args:
        features: rows of ``fct_customer_features``.
        zone: whose midnight ends a day.

    Returns:
        ``customer_id``, ``held_from`` (UTC) and the features, as doubles.
    """
    from pyspark.sql import functions as F

    numbers = (F.col(name).cast("double") for name in FEATURES)
    return features.select("customer_id", _end_of("as_of_date", zone).alias("held_from"), *numbers)


def _end_of(day: str, zone: str) -> Column:
    """Return the instant at which a day of the zone is over: its features hold from then on."""
    from pyspark.sql import functions as F

    return F.to_utc_timestamp(F.date_add(day, 1).cast("timestamp"), zone)


def _of_some_customers(sessions: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    [[customers]] = sessions.select(F.countDistinct("customer_id")).collect()
    one_in = -(-customers // MOST_CUSTOMERS) or 1
    return sessions.where(F.pmod(F.xxhash64("customer_id"), F.lit(one_in)) == 0)


def _as_of_dates(features: DataFrame, sessions: DataFrame, question: Question) -> list[date]:
    """Return the dates with features before them and all days of the horizon after them."""
    from pyspark.sql import functions as F

    [[first_features]] = features.select(F.min("as_of_date")).collect()
    [[first_day, newest]] = sessions.select(F.min("event_date"), F.max("event_date")).collect()
    if first_features is None or newest is None:
        raise FootfallError("There are no sessions or no features.", "Load data, then `dbt build`.")
    first, last = max(first_features, first_day), newest - timedelta(question.horizon_days)
    every = timedelta(question.every_days)
    dates = [last - every * back for back in range((last - first) // every + 1)]
    if not dates:
        raise FootfallError(
            f"Features and sessions from {first} to {newest} leave no date whose next "
            f"{count(question.horizon_days, 'day')} are known.",
            "Load more days, or ask for fewer: --horizon-days 7",
        )
    return sorted(dates)


def _spine(sessions: DataFrame, dates: list[date], question: Question) -> DataFrame:
    """Return who was there before each date, and whether she came back after it."""
    from pyspark.sql import functions as F

    asked = sessions.sparkSession.createDataFrame([(day,) for day in dates], "as_of_date date")
    day, as_of = F.col("event_date"), F.col("as_of_date")
    return (
        sessions.where("customer_id is not null")
        .select("customer_id", "event_date")
        .distinct()
        .join(
            F.broadcast(asked),
            (day > F.date_sub(as_of, question.active_days))
            & (day <= F.date_add(as_of, question.horizon_days)),
        )
        .groupBy("customer_id", "as_of_date")
        .agg(F.max(day <= as_of).alias("was_active"), F.max(day > as_of).alias(LABEL))
        .where("was_active")
        .drop("was_active")
    )
