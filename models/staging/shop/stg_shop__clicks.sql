with accepted as (
    {{ accepted_rows('shop', 'clicks') }}
)

select
    event_key,
    click_time,
    event_date,
    customer_id,
    item_id,
    _load_id
from accepted
