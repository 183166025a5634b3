{{ config(partition_by=none) }}

{{ note_replaced_table(affected_loads()) }}

with periods as (
    select * from {{ ref('int_activity_periods') }}
),

limits as (
    {%- for period_type in period_types() %}
    select
        '{{ period_type }}' as period_type,
        {{ var('retention_' ~ period_type ~ 's') }} as last_number
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

active as (
    select * from {{ ref('int_cohort_activity') }}
),

spans as (
    select
        types.period_type,
        {{ period_of('types.period_type', 'first_date') }} as cohort,
        definition,
        {{ period_of('types.period_type', 'last_date') }} as period
    from {{ ref('int_user_active_spans') }}
        lateral view explode(array(
            {{- "'" ~ period_types() | join("', '") ~ "'" -}}
        )) types as period_type
),

leaving as (
    select
        period_type,
        cohort,
        definition,
        period,
        count(*) as leaving_users
    from spans
    group by period_type, cohort, definition, period
),

cohort_periods as (
    select
        cohorts.period_type,
        cohorts.period_start as cohort_start,
        cohorts.definition,
        periods.period - cohorts.period as period_number,
        coalesce(active.active_users, 0) as bounded_users,
        coalesce(leaving.leaving_users, 0) as leaving_users,
        periods.is_complete
    from periods as cohorts
    inner join limits on cohorts.period_type = limits.period_type
    inner join periods
        on
            cohorts.period_type = periods.period_type
            and cohorts.definition = periods.definition
            and periods.period between cohorts.period and cohorts.period + limits.last_number
    left join active
        on
            cohorts.period_type = active.period_type
            and cohorts.period = active.cohort
            and cohorts.definition = active.definition
            and periods.period = active.period
    left join leaving
        on
            cohorts.period_type = leaving.period_type
            and cohorts.period = leaving.cohort
            and cohorts.definition = leaving.definition
            and periods.period = leaving.period
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
