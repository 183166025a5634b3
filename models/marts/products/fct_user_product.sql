{{ config(
    incremental_strategy='merge',
    unique_key=['user_id', 'product_id'],
    partition_by=none,
    meta={'zorder_by': ['user_id', 'product_id']},
) }}

{% set affected = affected_dates() %}
{{ note_run(affected.loads, affected.changed) }}

with user_product_days as (
    select * from {{ ref('fct_user_product_daily') }}
),

affected_pairs as (
    select distinct
        user_id,
        product_id
    from user_product_days
    where {{ in_dates('event_date', affected) }}
)

select
    user_product_days.user_id,
    user_product_days.product_id,
    sum(user_product_days.view_count) as view_count,
    sum(user_product_days.click_count) as click_count,
    sum(user_product_days.purchase_count) as purchase_count,
    max(user_product_days.last_interaction_time) as last_interaction_time
from user_product_days
inner join affected_pairs
    on
        user_product_days.user_id = affected_pairs.user_id
        and user_product_days.product_id = affected_pairs.product_id
group by user_product_days.user_id, user_product_days.product_id
