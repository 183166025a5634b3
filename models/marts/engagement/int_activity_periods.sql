with activity_range as (
    select
        min(event_date) as first_day,
        max(event_date) as last_day
    from {{ ref('fct_user_activity_daily') }}
),

periods as (
    select
        types.period_type,
        numbers.period,
        {{ period_start('types.period_type', 'numbers.period') }} as period_start,
        date_sub({{ period_start('types.period_type', 'numbers.period + 1') }}, 1) as period_end,
        activity_range.last_day
    from activity_range
        lateral view {{ periods_of('sequence(first_day, last_day)') }} types as period_type, periods
        lateral view explode(types.periods) numbers as period
),

definitions as (
    select explode(array({{ "'" ~ activity_definitions() | join("', '") ~ "'" }})) as definition
)

select
    ---------- grain
    periods.period_type,
    periods.period,
    definitions.definition,

    ---------- calendar
    periods.period_start,
    periods.period_end,
    periods.period_end <= periods.last_day as is_complete
from periods
cross join definitions
