-- Is the product a habit: on how many of four weeks' days does a monthly user come, by device?
select
    metric_date,
    segment_value as device_type,
    stickiness,
    28 * stickiness as days_in_four_weeks
from {{ ref('fct_active_users_daily') }}
where definition = 'basic' and segment_type = 'device_type'
order by metric_date, device_type
