{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

select
    ---------- ids
    interaction_id,
    customer_id,

    ---------- when and what
    event_date,
    interaction_type,
    response_time,
    interaction_outcome
from {{ ref('stg_crm__support_interactions') }}
where {{ in_dates('event_date', affected) }}
