-- How much of the audience do the stricter definitions of active leave, day by day?
select
    metric_date,
    max(if(definition = 'basic', mau_28, null)) as basic_mau,
    max(if(definition = 'core', mau_28, null)) as core_mau,
    max(if(definition = 'engaged', mau_28, null)) as engaged_mau,
    cast(
        try_divide(max(if(definition = 'core', mau_28, null)), max(mau_28)) as double
    ) as core_share
from {{ ref('fct_active_users_daily') }}
where segment_type = 'all'
group by metric_date
order by metric_date
