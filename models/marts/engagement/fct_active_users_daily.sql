-- depends_on: {{ ref('fct_user_activity_monthly') }}
{% if 'app' in var('sources') and not is_unit_test() %}
-- depends_on: {{ ref('dim_users') }}
{% endif %}

{% set metrics = active_user_metrics() %}
{% set affected = active_user_dates(affected_dates(), longest_month_days()) %}
{% set bitmap_days = var('active_users_bitmap_days') %}
{% set few_days = not affected.whole and affected.dates | length <= bitmap_days %}
{{ note_replaced_dates('metric_date', affected) }}

with metric_dates as (
    select metric_date
    from (
        select explode(sequence(min(event_date), max(event_date))) as metric_date
        from {{ ref('fct_user_activity_daily') }}
    )
    where {{ in_dates('metric_date', affected) }}
),

active_users as (
    {{ active_users_by_bitmaps(affected) if few_days else active_users_by_deltas(affected) }}
),

definitions as (
    select explode(array({{ "'" ~ activity_definitions() | join("', '") ~ "'" }})) as definition
),

-- All users have a row on every day, a segment where one of its windows holds somebody.
segments as (
    select
        metric_dates.metric_date,
        definitions.definition,
        'all' as segment_type,
        'all' as segment_value,
        {%- for metric in active_user_windows() %}
        0 as {{ metric }},
        {%- endfor %}
        0 as mau_calendar
    from metric_dates
    cross join definitions
    union all
    select
        active_users.metric_date,
        active_users.definition,
        segments.segment_type,
        segments.segment_value,
        {{ metrics | join(', ') }}
    from active_users
        lateral view inline({{ user_segments() }}) segments as segment_type, segment_value
),

totals as (
    select
        metric_date,
        definition,
        segment_type,
        segment_value,
        {%- for metric in active_user_windows() %}
        sum({{ metric }}) as {{ metric }},
        {%- endfor %}
        sum(mau_calendar) as mau_calendar
    from segments
    group by metric_date, definition, segment_type, segment_value
)

select
    ---------- grain
    metric_date,
    definition,
    segment_type,
    segment_value,

    ---------- active users
    {%- for metric in metrics %}
    {{ metric }},
    {%- endfor %}
    cast(try_divide(dau, mau_28) as double) as stickiness
from totals
where segment_type = 'all' or greatest({{ metrics | join(', ') }}) > 0
