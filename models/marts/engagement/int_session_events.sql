with interactions as (
    select * from {{ ref('int_interactions') }}
),

with_session_starts as (
    select
        *,
        {{ starts_session('event_time', session_window()) }} as starts_session
    from interactions
)

select * from with_session_starts
