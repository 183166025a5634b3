{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

with periods as (
    select * from {{ ref('int_activity_periods') }}
),

user_periods as (
    select
        users.definition,
        users.period_type,
        active.period,
        get(users.periods, active.position - 1) as previous_period,
        get(users.periods, active.position + 1) as next_period
    from {{ ref('int_user_active_periods') }} as users
        lateral view posexplode(users.periods) active as position, period
),

counts as (
    select
        period_type,
        period,
        definition,
        count(*) as active_users,
        count_if(previous_period is null) as new_users,
        count_if(previous_period = period - 1) as retained_users,
        count_if(previous_period < period - 1) as resurrected_users,
        count_if(not coalesce(next_period = period + 1, false)) as leaving_users
    from user_periods
    group by period_type, period, definition
),

-- Whoever is not active in the period after churns there.
with_churned as (
    select
        periods.period_type,
        periods.period_start,
        periods.definition,
        counts.active_users,
        counts.new_users,
        counts.retained_users,
        counts.resurrected_users,
        lag(counts.leaving_users) over (
            partition by periods.period_type, periods.definition order by periods.period
        ) as churned_users,
        periods.is_complete
    from periods
    left join counts
        on
            periods.period_type = counts.period_type
            and periods.period = counts.period
            and periods.definition = counts.definition
)

select
    ---------- grain
    period_type,
    period_start,
    definition,

    ---------- users
    {%- for users in ['active', 'new', 'retained', 'resurrected', 'churned'] %}
    coalesce({{ users }}_users, 0) as {{ users }}_users,
    {%- endfor %}

    ---------- state
    is_complete
from with_churned
