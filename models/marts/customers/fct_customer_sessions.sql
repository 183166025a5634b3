{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

select
    ---------- ids
    session_id,
    customer_id,

    ---------- when and what
    event_date,
    session_start,
    session_end,
    session_duration,
    device_type
from {{ ref('stg_crm__sessions') }}
where {{ in_dates('event_date', affected) }}
