{{ config(partition_by=none) }}

{% set window_days = active_user_windows().mau_28 %}
{% set days_before = window_days - 1 %}
{#- Bars hold no attributes. -#}
{% set affected = active_user_dates(affected_dates(without=['dim_users']), window_days) %}
{% set input_months = affected_months(active_user_inputs(affected, window_days)) %}
{{ note_replaced_dates('metric_date', affected) }}

with metric_dates as (
    select
        period_start as metric_date,
        definition
    from {{ ref('int_activity_periods') }}
    where
        period_type = 'day'
        and {{ in_dates('period_start', affected) }}
),

bars as (
    select
        metric_dates.metric_date,
        metric_dates.definition,
        lengths.active_days
    from metric_dates
        lateral view explode(sequence(1, {{ window_days }})) lengths as active_days
),

planes as (
    {{ active_planes_of(ref('fct_user_activity_monthly')) }}
),

user_months as (
    select * from planes
    where {{ in_dates('month_start', input_months) }}
),

-- A month's days above the {{ days_before }} before it, also where only those have activity.
user_histories as (
    select
        user_months.user_id,
        user_months.definition,
        months.month_start,
        bit_or({{ recent_days(
            'user_months.active_days',
            'user_months.month_start',
            'date_add(months.month_start, 30)',
            days_before + 31,
        ) }}) as history
    from user_months
        lateral view explode(
            array(user_months.month_start, add_months(user_months.month_start, 1))
        ) months as month_start
    where {{ in_dates('months.month_start', affected_months(affected)) }}
    group by user_months.user_id, user_months.definition, months.month_start
),

user_dates as (
    select
        metric_dates.metric_date,
        metric_dates.definition,
        bit_count({{ recent_days(
            'user_histories.history',
            'date_sub(user_histories.month_start, ' ~ days_before ~ ')',
            'metric_dates.metric_date',
            window_days,
        ) }}) as active_days
    from metric_dates
    inner join user_histories
        on
            trunc(metric_dates.metric_date, 'MM') = user_histories.month_start
            and metric_dates.definition = user_histories.definition
),

counts as (
    select
        metric_date,
        definition,
        active_days,
        count(*) as user_count
    from user_dates
    group by metric_date, definition, active_days
)

select
    ---------- grain
    bars.metric_date,
    bars.definition,
    bars.active_days,

    ---------- users
    coalesce(counts.user_count, 0) as user_count
from bars
left join counts
    on
        bars.metric_date = counts.metric_date
        and bars.definition = counts.definition
        and bars.active_days = counts.active_days
