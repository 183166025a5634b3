with accepted as (
    {{ accepted_rows('shop', 'impressions') }}
)

select
    event_key,
    dt,
    event_date,
    ranking_id,
    customer_id,
    impressions,
    _load_id
from accepted
