with accepted as (
    {{ accepted_rows('crm', 'support_interactions') }}
)

select
    event_key,
    interaction_id,
    interaction_date,
    event_date,
    customer_id,
    interaction_type,
    response_time,
    interaction_outcome,
    _load_id
from accepted
