{{ config(partition_by=['country']) }}

with accepted as (
    {{ accepted_rows('app', 'users') }}
)

select
    event_key,
    user_id,
    join_date,
    country,
    device_type,
    subscription_type,
    updated_at,
    event_date,
    _load_id
from accepted
