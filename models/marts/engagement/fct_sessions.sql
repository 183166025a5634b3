{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

{% set window = session_window() %}
{% set splits = setting('session_split_at_midnight') %}
with first_events as (
    select * from {{ ref('int_session_events') }}
    where
        starts_session
        -- With the split whole days are independent: only the affected partitions are read.
        {{ 'and ' ~ in_dates('event_date', affected) if splits }}
),

-- A session lasts until the event before the next one that starts a session.
closed as (
    select
        *,
        coalesce(lead(previous_event_time) over ({{ window }}), last_event_time) as session_end,
        coalesce(lead(event_number) over ({{ window }}), event_count + 1) as next_event_number,
        coalesce(lead(earlier_duration_ms) over ({{ window }}), total_duration_ms)
            as duration_ms_until_next
    from first_events
),

measured as (
    select
        *,
        unix_micros(session_end) - unix_micros(event_time) as duration_micros
    from closed
)

select
    ---------- ids
    md5(concat_ws('\u001f', user_id, event_key)) as session_id,
    user_id,
    event_date,

    ---------- times
    event_time as session_start,
    session_end,
    cast(duration_micros / 1000000 as double) as duration_seconds,

    ---------- actions
    duration_ms_until_next - earlier_duration_ms as engaged_ms,
    cast(next_event_number - event_number as bigint) as action_count,

    ---------- outliers
    {% if var('session_max_minutes') is none -%}
    false
    {%- else -%}
    duration_micros > {{ var('session_max_minutes') * 60 * 1000000 }}
    {%- endif %} as is_outlier
from measured
{%- if not splits %}
where {{ in_dates('event_date', affected) }}
{%- endif %}
