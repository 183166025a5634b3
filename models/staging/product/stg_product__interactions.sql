with accepted as (
    {{ accepted_rows('product', 'interactions') }}
)

select
    event_key,
    event_time,
    event_date,
    user_id,
    anonymous_id,
    product_id,
    interaction_type,
    _load_id
from accepted
