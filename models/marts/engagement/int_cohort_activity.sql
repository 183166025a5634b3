{{ config(partition_by=none) }}

{#- Months hold no attributes. A user's first day moves to or from an affected date, so that the
    user's periods that it concerns are among those replaced. -#}
{% set affected = affected_dates(without=['dim_users', 'int_user_active_spans']) %}
{% set first_day = affected.dates | min if affected.dates %}
{#- The week before that of the day, and the first active day of each month for the month. -#}
{% set first_read = dates_around([first_day], before=13) | min if first_day else '9999-01-01' %}
{% set first_month = month_of(first_day or first_read, -1) %}
{% set affected_periods = 'true' if affected.whole
    else "period_end >= date'" ~ first_day ~ "'" if first_day else 'false' %}
{{ note_run(affected.loads, affected.changed, replace_where=affected_periods) }}

with user_months as (
    select
        user_id,
        month_start
        {%- for definition in activity_definitions() %}
        {%- set days = definition ~ '_days' %},
        {{ days if affected.whole
            else bits_from(days, 'month_start', first_read) ~ ' | (' ~ days ~ ' & -' ~ days ~ ')' }}
            as {{ days }}
        {%- endfor %}
    from {{ ref('fct_user_activity_monthly') }}
    where {{ 'true' if affected.whole else "month_start >= date'" ~ first_month ~ "'" }}
),

user_days as (
    {{ active_days_of('user_months') }}
),

users as (
    select
        user_days.user_id,
        user_days.definition,
        spans.first_date,
        sort_array(collect_list(user_days.active_date)) as active_dates
    from user_days
    inner join {{ ref('int_user_active_spans') }} as spans
        on
            user_days.user_id = spans.user_id
            and user_days.definition = spans.definition
    group by user_days.user_id, user_days.definition, spans.first_date
),

user_periods as (
    select
        types.period_type,
        active.period,
        users.definition,
        {{ period_of('types.period_type', 'users.first_date') }} as cohort,
        get(types.periods, active.position - 1) as previous_period
    from users
        lateral view {{ periods_of('active_dates') }} types as period_type, periods
        lateral view posexplode(types.periods) active as position, period
),

counts as (
    select
        period_type,
        period,
        definition,
        cohort,
        date_sub({{ period_start('period_type', 'period + 1') }}, 1) as period_end,
        count(*) as active_users,
        count_if(previous_period = period - 1) as retained_users
    from user_periods
    group by period_type, period, definition, cohort
)

select *
from counts
where {{ affected_periods }}
