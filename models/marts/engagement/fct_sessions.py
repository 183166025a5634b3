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

    def of_next_session(column, after_the_last):
        return F.coalesce(F.lead(column).over(user_events), after_the_last)

    # A session lasts until the event before the next one that starts a session.
    sessions = events.where("starts_session").select(
        "*",
        of_next_session("previous_event_time", F.col("last_event_time")).alias("session_end"),
        of_next_session("event_number", F.col("event_count") + 1).alias("next_event_number"),
        of_next_session("earlier_duration_ms", F.col("total_duration_ms")).alias(
            "duration_ms_until_next"
        ),
    )

    duration_micros = F.unix_micros("session_end") - F.unix_micros("event_time")
    max_minutes = dbt.config.meta_get("session_max_minutes")
    if max_minutes is None:
        is_outlier = F.lit(False)
    else:
        is_outlier = duration_micros > max_minutes * 60 * 1_000_000
    rows = sessions.select(
        F.md5(F.concat_ws("\u001f", "user_id", "event_key")).alias("session_id"),
        "user_id",
        "event_date",
        F.col("event_time").alias("session_start"),
        "session_end",
        (duration_micros / 1_000_000).cast("double").alias("duration_seconds"),
        (F.col("duration_ms_until_next") - F.col("earlier_duration_ms")).alias("engaged_ms"),
        (F.col("next_event_number") - F.col("event_number")).cast("bigint").alias("action_count"),
        is_outlier.alias("is_outlier"),
    )
    return rows if split_at_midnight else rows.where(dbt.replace_where)
