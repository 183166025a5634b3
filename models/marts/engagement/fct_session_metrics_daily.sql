{% set affected = session_dates(affected_dates(['fct_sessions'])) %}
{{ replace_where('event_date', affected) }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
    where {{ in_dates('event_date', affected) }}
),

daily as (
    select
        event_date,
        count(*) as session_count,
        count(distinct user_id) as user_count,
        sum(action_count) as action_count,
        sum(cast(duration_seconds as decimal(20, 6))) as duration_seconds,
        percentile(duration_seconds, array(0.5, 0.95)) as duration_percentiles,
        count_if(action_count = 1) as bounce_count
    from sessions
    group by event_date
)

select
    ---------- grain
    event_date,
    'all' as segment_type,
    'all' as segment_value,

    ---------- volumes
    session_count,
    user_count,
    action_count,

    ---------- durations
    cast(duration_seconds / session_count as double) as avg_duration_seconds,
    duration_percentiles[0] as median_duration_seconds,
    duration_percentiles[1] as p95_duration_seconds,

    ---------- depth
    cast(action_count / session_count as double) as avg_actions_per_session,
    cast(bounce_count / session_count as double) as bounce_share
from daily
