{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

with periods as (
    select * from {{ ref('int_activity_periods') }}
),

limits as (
    select explode(map(
        {%- for period_type in period_types() %}
        '{{ period_type }}', {{ var('retention_' ~ period_type ~ 's') }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )) as (period_type, last_number)
),

users as (
    select
        users.definition,
        users.period_type,
        users.periods[0] as cohort,
        users.periods[size(users.periods) - 1] as last_period,
        -- Periods up to the last number are among as many first ones.
        slice(users.periods, 1, limits.last_number + 1) as first_periods,
        limits.last_number
    from {{ ref('int_user_active_periods') }} as users
    inner join limits on users.period_type = limits.period_type
),

counts as (
    select
        users.period_type,
        users.cohort,
        users.definition,
        active.period,
        count(*) as bounded_users,
        count_if(active.period = users.last_period) as leaving_users
    from users
        lateral view explode(users.first_periods) active as period
    where active.period <= users.cohort + users.last_number
    group by users.period_type, users.cohort, users.definition, active.period
),

cohort_periods as (
    select
        cohorts.period_type,
        cohorts.period_start as cohort_start,
        cohorts.definition,
        periods.period - cohorts.period as period_number,
        coalesce(counts.bounded_users, 0) as bounded_users,
        coalesce(counts.leaving_users, 0) as leaving_users,
        periods.is_complete
    from periods as cohorts
    inner join limits on cohorts.period_type = limits.period_type
    inner join periods
        on
            cohorts.period_type = periods.period_type
            and cohorts.definition = periods.definition
            and periods.period between cohorts.period and cohorts.period + limits.last_number
    left join counts
        on
            cohorts.period_type = counts.period_type
            and cohorts.period = counts.cohort
            and cohorts.definition = counts.definition
            and periods.period = counts.period
),

-- Active in a period or later are all but those who were active for the last time before it.
with_cohorts as (
    select
        *,
        first_value(bounded_users) over (
            partition by period_type, cohort_start, definition order by period_number
        ) as cohort_size,
        coalesce(
            sum(leaving_users) over (
                partition by period_type, cohort_start, definition order by period_number
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as users_gone
    from cohort_periods
)

select
    ---------- grain
    period_type,
    cohort_start,
    definition,
    period_number,

    ---------- users
    cohort_size,
    bounded_users,
    cohort_size - users_gone as rolling_users,

    ---------- shares
    cast(bounded_users / cohort_size as double) as bounded_retention,
    cast((cohort_size - users_gone) / cohort_size as double) as rolling_retention,

    ---------- state
    is_complete
from with_cohorts
where cohort_size > 0
