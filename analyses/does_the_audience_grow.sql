-- Does the audience grow: who came, came back and left, week by week?
select
    period_start as week,
    active_users,
    new_users,
    resurrected_users,
    churned_users,
    new_users + resurrected_users - churned_users as net_growth,
    cast(try_divide(new_users + resurrected_users, churned_users) as double) as quick_ratio
from {{ ref('fct_growth_accounting') }}
where period_type = 'week' and definition = 'basic' and is_complete
order by week
