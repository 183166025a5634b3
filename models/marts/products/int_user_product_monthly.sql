{{ config(partition_by=['month_start'], meta={'zorder_by': ['user_id', 'product_id']}) }}

{% set affected = closed_months(affected_dates(), model_node('fct_user_product_daily')) %}
{{ note_replaced_dates('month_start', affected) }}

with days as (
    select * from {{ ref('fct_user_product_daily') }}
),

newest as (
    select trunc(max(event_date), 'MM') as open_month from days
)

select
    user_id,
    product_id,
    trunc(event_date, 'MM') as month_start,
    sum(view_count) as view_count,
    sum(click_count) as click_count,
    sum(purchase_count) as purchase_count,
    max(last_interaction_time) as last_interaction_time
from days
where
    event_date < (select newest.open_month from newest)
    and {{ in_dates("trunc(event_date, 'MM')", affected) }}
group by user_id, product_id, trunc(event_date, 'MM')
