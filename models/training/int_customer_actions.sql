select
    customer_id,
    event_date,
    click_time as action_time,
    {{ action_code('click') }} as action_type,
    item_id
from {{ ref('stg_shop__clicks') }}
union all
select
    customer_id,
    event_date,
    occurred_at as action_time,
    {{ action_code('cart') }} as action_type,
    config_id as item_id
from {{ ref('stg_shop__add_to_carts') }}
union all
select
    customer_id,
    event_date,
    occurred_at as action_time,
    {{ action_code('order') }} as action_type,
    config_id as item_id
from {{ ref('stg_shop__orders') }}
