-- On which devices do sessions end after one action?
select
    segment_value as device_type,
    sum(session_count) as session_count,
    cast(
        try_divide(sum(bounce_share * session_count), sum(session_count)) as double
    ) as bounce_share,
    cast(
        try_divide(sum(action_count), sum(session_count)) as double
    ) as avg_actions_per_session
from {{ ref('fct_session_metrics_daily') }}
where segment_type = 'device_type' and outlier_policy = 'filter'
group by segment_value
order by session_count desc
