-- What do very long sessions do to the average, and what does each policy make of them?
select
    outlier_policy,
    sum(session_count) as session_count,
    sum(outlier_count) as outlier_count,
    cast(
        try_divide(sum(avg_duration_seconds * session_count), sum(session_count)) as double
    ) as avg_duration_seconds,
    max(p95_duration_seconds) as highest_p95_duration_seconds
from {{ ref('fct_session_metrics_daily') }}
where segment_type = 'all'
group by outlier_policy
order by outlier_policy
