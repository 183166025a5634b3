from pyspark.sql import Window
from pyspark.sql import functions as F


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        incremental_strategy="replace_where",
        partition_by=["event_date"],
    )
    events = dbt.ref("int_session_events")
    user_keys = ["user_id"]
    split_at_midnight = dbt.config.meta_get("session_split_at_midnight")
    if split_at_midnight:
        # Whole days are independent, so that only the affected partitions are read.
        events = events.where(dbt.replace_where)
        user_keys.append("event_date")

    user_events = Window.partitionBy(*user_keys).orderBy("event_time", "event_key")
    numbered = events.withColumn(
        "session_number", F.sum(F.col("starts_session").cast("int")).over(user_events)
    )

    first_event = F.min(F.struct("event_time", "event_key", "event_date"))
    sessions = numbered.groupBy(*user_keys, "session_number").agg(
        first_event.alias("first_event"),
        F.max("event_time").alias("session_end"),
        F.coalesce(F.sum("duration_ms"), F.lit(0)).cast("bigint").alias("engaged_ms"),
        F.count("*").alias("action_count"),
    )

    session_start = F.col("first_event.event_time")
    duration_micros = F.unix_micros("session_end") - F.unix_micros(session_start)
    max_minutes = dbt.config.meta_get("session_max_minutes")
    if max_minutes is None:
        is_outlier = F.lit(False)
    else:
        is_outlier = duration_micros > max_minutes * 60 * 1_000_000
    rows = sessions.select(
        F.md5(F.concat_ws("\u001f", "user_id", "first_event.event_key")).alias("session_id"),
        "user_id",
        F.col("first_event.event_date").alias("event_date"),
        session_start.alias("session_start"),
        "session_end",
        (duration_micros / 1_000_000).cast("double").alias("duration_seconds"),
        "engaged_ms",
        "action_count",
        is_outlier.alias("is_outlier"),
    )
    return rows if split_at_midnight else rows.where(dbt.replace_where)
