with accepted as (
    {{ accepted_rows('crm', 'events') }}
)

select
    event_key,
    event_id,
    event_timestamp,
    event_date,
    customer_id,
    event_type,
    _load_id
from accepted
