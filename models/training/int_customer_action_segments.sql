{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with actions as (
    select
        customer_id,
        event_date,
        {{ action_key('action_time', 'event_date', 'action_type', 'item_id') }} as action_key
    from {{ ref('int_customer_actions') }}
    where {{ in_dates('event_date', affected) }}
),

newest_first as (
    select
        customer_id,
        event_date,
        slice(
            sort_array(collect_list(action_key), false), 1, {{ var('sequence_length') | int }}
        ) as action_keys
    from actions
    group by customer_id, event_date
)

select
    customer_id,
    event_date,
    {{ items_of('action_keys') }} as actions,
    {{ types_of('action_keys') }} as action_types
from newest_first
