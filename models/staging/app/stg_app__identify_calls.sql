with accepted as (
    {{ accepted_rows('app', 'identify_calls') }}
)

select
    event_key,
    event_time,
    event_date,
    user_id,
    anonymous_id,
    _load_id
from accepted
