{% set affected = footfall.affected_dates() %}
{{ footfall.note_replaced_dates('event_date', affected) }}

with sessions as (
    select * from {{ ref('footfall', 'fct_sessions') }}
    where {{ footfall.in_dates('event_date', affected) }}
)

select
    ---------- grain
    event_date,

    ---------- volumes
    count_if(duration_seconds >= 600) as long_session_count,
    count(*) as session_count
from sessions
group by event_date
