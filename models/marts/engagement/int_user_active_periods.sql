with user_days as (
    select
        user_id,
        definition,
        sort_array(collect_list(active_date)) as active_dates
    from {{ ref('fct_user_active_days') }}
    group by user_id, definition
)

select
    ---------- grain
    user_days.user_id,
    user_days.definition,
    types.period_type,

    ---------- active periods
    types.periods
from user_days
    lateral view {{ periods_of('active_dates') }} types as period_type, periods
