with accepted as (
    {{ accepted_rows('crm', 'customers') }}
)

select
    event_key,
    customer_id,
    name,
    email,
    phone,
    registration_date,
    event_date,
    location,
    customer_segment,
    updated_at,
    _load_id
from accepted
