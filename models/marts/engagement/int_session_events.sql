{% set window = session_window() %}
{% set whole = window ~ ' rows between unbounded preceding and unbounded following' %}
with interactions as (
    select * from {{ ref('int_interactions') }}
),

-- One sort serves all windows, and fct_sessions after them.
numbered as (
    select
        *,
        lag(event_time) over ({{ window }}) as previous_event_time,
        row_number() over ({{ window }}) as event_number,
        count(*) over ({{ whole }}) as event_count,
        max(event_time) over ({{ whole }}) as last_event_time,
        coalesce(
            sum(duration_ms) over (
                {{ window }} rows between unbounded preceding and 1 preceding
            ),
            0
        ) as earlier_duration_ms,
        coalesce(sum(duration_ms) over ({{ whole }}), 0) as total_duration_ms
    from interactions
)

select
    *,
    {{ starts_session('event_time', 'previous_event_time') }} as starts_session
from numbered
