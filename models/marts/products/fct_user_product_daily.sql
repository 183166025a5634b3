{{ config(meta={'zorder_by': ['user_id', 'product_id'], 'by_day': true}) }}

-- depends_on: {{ ref('int_hot_products') }}
{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}
{% set grain = ['user_id', 'product_id', 'event_date'] %}

with interactions as (
    select * from {{ identified_rows(ref('stg_product__interactions')) }}
    where {{ in_dates('event_date', affected) }}
),
{% if salts(combines=true, affected=affected) %}
hot_products as (
    select * from {{ ref('int_hot_products') }}
    where {{ in_dates('event_date', affected) }}
),

salted_interactions as (
    {{ salted('interactions', salt('interactions.event_key', 'hot_products.salt_buckets')) }}
),

-- Phase 1 spreads a hot product over its salt buckets, phase 2 brings them together.
salted_counts as (
    {{ user_product_counts('salted_interactions', grain + ['salt']) }}
)

select
    user_id,
    product_id,
    event_date,
    sum(view_count) as view_count,
    sum(click_count) as click_count,
    sum(purchase_count) as purchase_count,
    max(last_interaction_time) as last_interaction_time
from salted_counts
group by user_id, product_id, event_date
{% else %}
counts as (
    {{ user_product_counts('interactions', grain) }}
)

select * from counts
{% endif %}
