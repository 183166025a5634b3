-- Which regular users (4 days or more in the four weeks before) have been away for two weeks?
with days as (
    select
        user_id,
        active_date,
        max(active_date) over () as newest_date
    from {{ ref('fct_user_active_days') }}
    where definition = 'basic'
)

select
    user_id,
    max(active_date) as last_active_date,
    count(*) as active_days
from days
where active_date > date_sub(newest_date, 42)
group by user_id, newest_date
having active_days >= 4 and last_active_date <= date_sub(newest_date, 14)
order by active_days desc, user_id asc
