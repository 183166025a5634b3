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
),

day_buckets as (
    select
        event_date,
        explode(array(
            {%- for bucket in buckets %}
            struct(
                '{{ bucket.name }}' as duration_bucket,
                {{ bucket.above }} as above_seconds,
                {{ bucket.up_to }} as up_to_seconds,
                bucket_{{ loop.index }}_count as session_count
            ){{ ',' if not loop.last }}
            {%- endfor %}
        )) as bucket
    from daily
)

select
    ---------- grain
    event_date,
    bucket.duration_bucket,

    ---------- edges
    bucket.above_seconds,
    bucket.up_to_seconds,

    ---------- volume
    bucket.session_count
from day_buckets
