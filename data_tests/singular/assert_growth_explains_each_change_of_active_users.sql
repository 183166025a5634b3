with changes as (
    select
        *,
        active_users - lag(active_users, 1, 0) over (
            partition by period_type, definition order by period_start
        ) as change
    from {{ ref('fct_growth_accounting') }}
)

select *
from changes
where change <> new_users + resurrected_users - churned_users
