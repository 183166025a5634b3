{{ config(meta={'zorder_by': ['product_id'], 'by_day': true}) }}

-- depends_on: {{ ref('int_hot_products') }}
{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with user_products as (
    select * from {{ ref('fct_user_product_daily') }}
    where {{ in_dates('event_date', affected) }}
),

-- A user has one row a product and day: users are counted as rows, which no hot product hurts.
funnels as (
    select
        product_id,
        event_date,
        sum(view_count) as view_count,
        sum(click_count) as click_count,
        sum(purchase_count) as purchase_count,
        count(*) as user_count,
        count_if(purchase_count > 0) as buyer_count
    from user_products
    group by product_id, event_date
),

interactions as (
    select * from {{ ref('stg_product__interactions') }}
    where {{ in_dates('event_date', affected) }}
),
{% if salts(combines=false, affected=affected) %}
hot_products as (
    select * from {{ ref('int_hot_products') }}
    where {{ in_dates('event_date', affected) }}
),

-- The day of a hot product is cut into minutes, so that no task sorts all of it.
salted_interactions as (
    {{ salted('interactions', minute_of_hot('interactions.event_time')) }}
),

gaps as (
    {{ product_gaps('salted_interactions', slice='salt') }}
),
{% else %}
gaps as (
    {{ product_gaps('interactions') }}
),
{% endif %}
paces as (
    select
        product_id,
        event_date,
        median(gap_micros) / 1000000 as median_gap_seconds
    from gaps
    group by product_id, event_date
)

select
    ---------- grain
    funnels.product_id,
    funnels.event_date,

    ---------- funnel
    funnels.view_count,
    funnels.click_count,
    funnels.purchase_count,

    ---------- users
    funnels.user_count,
    funnels.buyer_count,

    ---------- pace
    paces.median_gap_seconds
from funnels
inner join paces
    on
        funnels.product_id = paces.product_id
        and funnels.event_date = paces.event_date
