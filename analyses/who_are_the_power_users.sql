-- Who was active on at least 20 of the last 28 days?
with newest as (
    select max(metric_date) as day from {{ ref('fct_active_users_daily') }}
),

histories as (
    select
        months.user_id,
        bit_or({{ recent_days('months.basic_days', 'months.month_start', 'newest.day', 28) }})
            as days
    from {{ ref('fct_user_activity_monthly') }} as months
    inner join newest
        on
            months.month_start
            between trunc(date_sub(newest.day, 27), 'MM') and newest.day
    group by months.user_id
)

select
    user_id,
    bit_count(days) as active_days
from histories
where bit_count(days) >= 20
order by active_days desc, user_id asc
