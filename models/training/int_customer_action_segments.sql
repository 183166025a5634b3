{% set affected = affected_dates(
    ['stg_shop__clicks', 'stg_shop__add_to_carts', 'stg_shop__orders']
) %}
{{ replace_where('event_date', affected) }}

with actions as (
    select * from {{ ref('int_customer_actions') }}
    where {{ in_dates('event_date', affected) }}
)

select
    customer_id,
    event_date,
    {{ newest_actions_first('collect_list(struct(action_time, action_type, item_id))') }} as actions
from actions
group by customer_id, event_date
