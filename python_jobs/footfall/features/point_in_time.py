"""The point-in-time join: the same as the macro of this name, on data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from footfall.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def point_in_time(
    spine: DataFrame,
    features: DataFrame,
    keys: Sequence[str],
    *,
    spine_at: str,
    features_at: str,
    known_at: str | None = None,
) -> DataFrame:
    """Join each row of a spine with the features as they were at its time.

    No row of the spine is lost or doubled, also where several share key and time.

    Args:
        spine: what is asked for, such as customers, times and labels.
        features: a row for each change of the features of a key.
        keys: columns that both have, such as ``customer_id``.
        spine_at: the spine's column of the time that is asked for, a timestamp (UTC) or a date,
            which is its first instant.
        features_at: the features' column from when a row holds; the newest that is not after the
            spine's counts.
        known_at: the features' column of when a row arrived; only what had arrived by the spine's
            time counts, and of equal ``features_at`` what arrived last. By default a row is known
            from when it holds.

    Returns:
        The spine's columns, then those of the features without keys and times; null where no
        features were there yet.

    Raises:
        UsageError: a column is missing, or both sides have it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    times = {features_at, known_at or features_at}
    values = [name for name in features.columns if name not in {*keys, *times}]
    _require_columns(spine, "spine", [*keys, spine_at])
    _require_columns(features, "features", [*keys, *sorted(times)])
    if both := sorted(set(values) & set(spine.columns)):
        raise UsageError(
            f"Spine and features both have {', '.join(both)}.", "Rename or drop it on one side."
        )
    at, known = (F.col(name).cast("timestamp") for name in (features_at, known_at or features_at))
    is_complete = F.col(features_at).isNotNull() & F.col(known_at or features_at).isNotNull()
    for key in keys:
        is_complete &= F.col(key).isNotNull()
    asked = spine.withColumns(
        {"_visible_at": F.col(spine_at).cast("timestamp"), "_is_asked": F.lit(True)}
    )
    held = features.where(is_complete).select(
        *keys,
        F.greatest(at, known).alias("_visible_at"),
        F.lit(False).alias("_is_asked"),
        F.struct(
            at.alias("_at"), known.alias("_known_at"), F.struct(*values).alias("_values")
        ).alias("_features"),
    )
    until_now = (
        Window.partitionBy(*keys)
        .orderBy("_visible_at", "_is_asked")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return (
        asked.unionByName(held, allowMissingColumns=True)
        .withColumn("_found", F.max("_features").over(until_now))
        .where("_is_asked")
        .select(*spine.columns, *(F.col(f"_found._values.{name}") for name in values))
    )


def _require_columns(frame: DataFrame, side: str, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise UsageError(
            f"The {side} have no column {missing[0]}; they have {', '.join(frame.columns)}."
            if side == "features"
            else f"The spine has no column {missing[0]}; it has {', '.join(frame.columns)}.",
            "Name one of them.",
        )
