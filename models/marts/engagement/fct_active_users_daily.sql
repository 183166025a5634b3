{% set windows = active_user_windows() %}
{% set affected = active_user_dates(affected_dates(['fct_user_activity_daily'])) %}
{{ replace_where('metric_date', affected) }}

with user_days as (
    select
        user_id,
        event_date as active_date
    from {{ ref('fct_user_activity_daily') }}
    where {{ in_dates('event_date', active_user_inputs(affected)) }}
),

metric_dates as (
    select explode(sequence(min(event_date), max(event_date))) as metric_date
    from {{ ref('fct_user_activity_daily') }}
),

user_days_with_next as (
    select
        *,
        lead(active_date) over (partition by user_id order by active_date) as next_active_date
    from user_days
),

-- A user counts in an n-day window from the active day until n days later or the next active day,
-- whichever comes first: two deltas a user-day and a running sum instead of a distinct count.
active_intervals as (
    {% for metric, days in windows.items() %}
    select
        '{{ metric }}' as metric,
        active_date as starts_on,
        least(date_add(active_date, {{ days }}), next_active_date) as ends_on
    from user_days_with_next
    union all
    {% endfor %}
    select
        'mau_calendar' as metric,
        active_date as starts_on,
        least(date_add(last_day(active_date), 1), next_active_date) as ends_on
    from user_days_with_next
),

deltas as (
    select
        metric,
        starts_on as metric_date,
        1 as delta
    from active_intervals
    union all
    select
        metric,
        ends_on as metric_date,
        -1 as delta
    from active_intervals
),

metrics as (
    select
        explode(
            array(
                {% for metric in windows %}
                '{{ metric }}',
                {% endfor %}
                'mau_calendar'
            )
        ) as metric
),

-- Spine rows carry the running sum to days on which nothing changes.
daily_deltas as (
    select
        metric,
        metric_date,
        sum(delta) as delta
    from deltas
    group by metric, metric_date
    union all
    select
        metrics.metric,
        metric_dates.metric_date,
        0 as delta
    from metric_dates
    cross join metrics
),

running as (
    select
        metric,
        metric_date,
        sum(delta) over (
            partition by metric order by metric_date
            range between unbounded preceding and current row
        ) as active_users
    from daily_deltas
),

pivoted as (
    select
        metric_date,
        {%- for metric in windows %}
        max(case when metric = '{{ metric }}' then active_users end) as {{ metric }},
        {%- endfor %}
        max(case when metric = 'mau_calendar' then active_users end) as mau_calendar
    from running
    group by metric_date
)

select
    ---------- grain
    pivoted.metric_date,
    'basic' as definition,
    'all' as segment_type,
    'all' as segment_value,

    ---------- active users
    {%- for metric in windows %}
    pivoted.{{ metric }},
    {%- endfor %}
    pivoted.mau_calendar,
    cast(try_divide(pivoted.dau, pivoted.mau_28) as double) as stickiness
from pivoted
inner join metric_dates
    on pivoted.metric_date = metric_dates.metric_date
where {{ in_dates('pivoted.metric_date', affected) }}
