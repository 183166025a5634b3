{#- Sketches hold no sessions. -#}
{% set affected = affected_dates(without=['fct_sessions']) %}
{{ note_replaced_dates('event_date', affected) }}

with segment_users as (
    select
        user_days.event_date,
        user_days.user_id,
        segments.segment_type,
        segments.segment_value
    from {{ ref('fct_user_activity_daily') }} as user_days
        lateral view inline({{ user_segments() }}) segments as segment_type, segment_value
    where {{ in_dates('event_date', affected) }}
)

select
    ---------- grain
    event_date,
    segment_type,
    segment_value,

    ---------- users
    count(*) as active_users,
    hll_sketch_agg(user_id, 12) as user_sketch
from segment_users
group by event_date, segment_type, segment_value
