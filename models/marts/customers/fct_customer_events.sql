{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

select
    ---------- ids
    event_id,
    customer_id,

    ---------- when and what
    event_date,
    event_timestamp,
    event_type
from {{ ref('stg_crm__events') }}
where {{ in_dates('event_date', affected) }}
