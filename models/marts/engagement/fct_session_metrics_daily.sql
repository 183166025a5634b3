{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

-- A user is counted by one session of the day, not as a distinct value: beside percentiles that
-- would hold a state for each user in memory. An outlier is that session only if all are.
with day_sessions as (
    select
        *,
        cast(round(duration_seconds * 1000000) as bigint) as duration_micros,
        row_number() over (partition by user_id, event_date order by is_outlier) = 1
            as counts_user
    from {{ ref('fct_sessions') }}
    where {{ in_dates('event_date', affected) }}
),

capped_sessions as (
    select
        *,
        {{ session_cap_micros('duration_micros', 'event_date') }} as cap_micros
    from day_sessions
),

sessions as (
    select
        *,
        if(is_outlier, least(duration_micros, cap_micros), duration_micros) as capped_micros
    from capped_sessions
),

user_days as (
    select * from {{ ref('fct_user_activity_daily') }}
    where {{ in_dates('event_date', affected) }}
),

segment_sessions as (
    select
        sessions.*,
        explode({{ user_segments() }}) as segment
    from sessions
    inner join user_days
        on
            sessions.user_id = user_days.user_id
            and sessions.event_date = user_days.event_date
),

daily as (
    select
        event_date,
        segment.segment_type,
        segment.segment_value,
        count_if(is_outlier) as outlier_count,
        {{ session_counts() }} as policies
    from segment_sessions
    group by event_date, segment.segment_type, segment.segment_value
),

policy_counts as (
    select
        event_date,
        segment_type,
        segment_value,
        outlier_count,
        explode(policies) as counts
    from daily
)

select
    ---------- grain
    event_date,
    counts.outlier_policy,
    segment_type,
    segment_value,

    ---------- volumes
    counts.session_count,
    counts.user_count,
    counts.action_count,
    outlier_count,

    ---------- durations, of which engines interpolate the last digits in ways of their own
    try_divide(cast(counts.micros as double), counts.session_count) / 1000000
        as avg_duration_seconds,
    round(counts.micros_percentiles[0] / 1000000, 9) as median_duration_seconds,
    round(counts.micros_percentiles[1] / 1000000, 9) as p95_duration_seconds,

    ---------- depth
    try_divide(counts.action_count, counts.session_count) as avg_actions_per_session,
    try_divide(counts.bounce_count, counts.session_count) as bounce_share
from policy_counts
