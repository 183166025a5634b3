with definitions as (
    select
        user_id,
        month_start,
        planes.definition,
        planes.active_days
    from {{ ref('fct_user_activity_monthly') }}
        lateral view {{ by_definition('*_days') }} planes as definition, active_days
),

days_of_month as (
    select explode(sequence(0, 30)) as days_after
)

select
    ---------- grain
    definitions.user_id,
    definitions.definition,
    date_add(definitions.month_start, days_of_month.days_after) as active_date,

    ---------- partition
    definitions.month_start
from definitions
inner join days_of_month
    on getbit(definitions.active_days, days_of_month.days_after) = 1
