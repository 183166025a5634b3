with accepted as (
    {{ accepted_rows('app', 'interactions') }}
)

select
    event_key,
    event_time,
    event_date,
    user_id,
    anonymous_id,
    action_type,
    page_id,
    duration_ms,
    app_version,
    referrer,
    _load_id
from accepted
