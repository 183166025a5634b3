{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

with periods as (
    select * from {{ ref('int_activity_periods') }}
),

counts as (
    select
        period_type,
        period,
        definition,
        sum(active_users) as active_users,
        sum(if(cohort = period, active_users, 0)) as new_users,
        sum(retained_users) as retained_users
    from {{ ref('int_cohort_activity') }}
    group by period_type, period, definition
),

every_period as (
    select
        periods.period_type,
        periods.period,
        periods.period_start,
        periods.definition,
        coalesce(counts.active_users, 0) as active_users,
        coalesce(counts.new_users, 0) as new_users,
        coalesce(counts.retained_users, 0) as retained_users,
        periods.is_complete
    from periods
    left join counts
        on
            periods.period_type = counts.period_type
            and periods.period = counts.period
            and periods.definition = counts.definition
),

with_previous as (
    select
        *,
        lag(active_users, 1, 0) over (
            partition by period_type, definition order by period
        ) as previous_users
    from every_period
)

select
    ---------- grain
    period_type,
    period_start,
    definition,

    ---------- users
    active_users,
    new_users,
    retained_users,
    active_users - new_users - retained_users as resurrected_users,
    -- Whoever is not active in the period after churns there.
    previous_users - retained_users as churned_users,

    ---------- state
    is_complete
from with_previous
