{% set buckets = session_duration_buckets() %}
{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
    where {{ in_dates('event_date', affected) }}
),

daily as (
    select
        {%- for bucket in buckets %}
        count_if({{ bucket.condition }}) as bucket_{{ loop.index }}_count,
        {%- endfor %}
        event_date
    from sessions
    group by event_date
)

select
    ---------- grain
    daily.event_date,
    buckets.duration_bucket,

    ---------- edges
    buckets.above_seconds,
    buckets.up_to_seconds,

    ---------- volume
    buckets.session_count
from daily
    lateral view stack(
        {{ buckets | length }},
        {%- for bucket in buckets %}
        '{{ bucket.name }}',
        {{ bucket.above }},
        {{ bucket.up_to }},
        daily.bucket_{{ loop.index }}_count{{ ',' if not loop.last }}
        {%- endfor %}
    ) buckets as duration_bucket, above_seconds, up_to_seconds, session_count
