{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

-- A user is counted by one session of the day, not as a distinct value: beside percentiles that
-- would hold a state for each user in memory. An outlier is that session only if all are.
with sessions as (
    select
        *,
        {{ session_cap_seconds('duration_seconds', 'event_date') }} as cap_seconds,
        row_number() over (partition by user_id, event_date order by is_outlier) = 1
            as counts_user
    from {{ ref('fct_sessions') }}
    where {{ in_dates('event_date', affected) }}
),

user_days as (
    select * from {{ ref('fct_user_activity_daily') }}
    where {{ in_dates('event_date', affected) }}
),

segment_sessions as (
    select
        sessions.*,
        segments.segment_type,
        segments.segment_value
    from sessions
    inner join user_days
        on
            sessions.user_id = user_days.user_id
            and sessions.event_date = user_days.event_date
        lateral view {{ user_segments() }} segments as segment_type, segment_value
),

policy_sessions as (
    select
        segment_sessions.*,
        policies.outlier_policy,
        policies.is_counted,
        policies.counted_seconds
    from segment_sessions
        lateral view stack(
            3,
            'filter', not is_outlier, duration_seconds,
            'cap', true, if(is_outlier, least(duration_seconds, cap_seconds), duration_seconds),
            'flag', true, duration_seconds
        ) policies as outlier_policy, is_counted, counted_seconds
),

daily as (
    select
        event_date,
        outlier_policy,
        segment_type,
        segment_value,
        count_if(is_counted) as session_count,
        count_if(is_counted and counts_user) as user_count,
        coalesce(sum(action_count) filter (where is_counted), 0) as action_count,
        -- A sum of decimals does not depend on the order of the rows.
        sum(cast(counted_seconds as decimal(28, 12))) filter (where is_counted)
            as duration_seconds,
        percentile(counted_seconds, array(0.5, 0.95)) filter (where is_counted)
            as duration_percentiles,
        count_if(is_counted and action_count = 1) as bounce_count,
        count_if(is_outlier) as outlier_count
    from policy_sessions
    group by event_date, outlier_policy, segment_type, segment_value
)

select
    ---------- grain
    event_date,
    outlier_policy,
    segment_type,
    segment_value,

    ---------- volumes
    session_count,
    user_count,
    action_count,
    outlier_count,

    ---------- durations
    try_divide(cast(duration_seconds as double), session_count) as avg_duration_seconds,
    duration_percentiles[0] as median_duration_seconds,
    duration_percentiles[1] as p95_duration_seconds,

    ---------- depth
    try_divide(action_count, session_count) as avg_actions_per_session,
    try_divide(bounce_count, session_count) as bounce_share
from daily
