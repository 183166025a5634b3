with sessions as (
    select
        *,
        lag(session_end) over (partition by user_id order by session_start) as previous_end
    from {{ ref('fct_sessions') }}
)

select *
from sessions
where session_start <= previous_end
