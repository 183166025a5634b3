{{ config(partition_by=['dt']) }}

{% set affected = affected_dates() %}
{{ note_replaced_dates('dt', affected) }}

with impressions as (
    select * from {{ ref('stg_shop__impressions') }}
    where {{ in_dates('dt', affected) }}
),

shown_items as (
    select
        dt,
        ranking_id,
        customer_id,
        posexplode(impressions) as (position, impression)
    from impressions
)

select
    dt,
    ranking_id,
    customer_id,
    position,
    impression.item_id,
    impression.is_order
from shown_items
