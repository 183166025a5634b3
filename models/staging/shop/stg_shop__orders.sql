with accepted as (
    {{ accepted_rows('shop', 'orders') }}
)

select
    event_key,
    occurred_at,
    event_date,
    customer_id,
    config_id,
    simple_id,
    _load_id
from accepted
