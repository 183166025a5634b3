-- Which countries have more monthly active users than four weeks ago?
with newest as (
    select max(metric_date) as metric_date from {{ ref('fct_active_users_daily') }}
),

by_country as (
    select
        users.segment_value as country,
        sum(if(users.metric_date = newest.metric_date, users.mau_28, 0)) as mau_28,
        sum(if(users.metric_date < newest.metric_date, users.mau_28, 0)) as mau_28_before
    from {{ ref('fct_active_users_daily') }} as users
    inner join newest
        on users.metric_date in (newest.metric_date, date_sub(newest.metric_date, 28))
    where users.definition = 'basic' and users.segment_type = 'country'
    group by users.segment_value
)

select
    country,
    mau_28,
    mau_28_before,
    cast(try_divide(mau_28, mau_28_before) - 1 as double) as growth
from by_country
order by mau_28 desc
