with accepted as (
    {{ accepted_rows('crm', 'sessions') }}
)

select
    event_key,
    session_id,
    session_start,
    session_end,
    event_date,
    customer_id,
    device_type,
    session_duration,
    _load_id
from accepted
