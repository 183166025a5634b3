{{ config(meta={'zorder_by': ['product_id'], 'by_day': true}) }}

{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with interactions as (
    select
        *,
        unix_micros(event_time) - unix_micros(
            lag(event_time) over (partition by event_date, product_id order by event_time)
        ) as gap_micros
    from {{ identified_rows(ref('stg_product__interactions')) }}
    where {{ in_dates('event_date', affected) }}
)

select
    ---------- grain
    product_id,
    event_date,

    ---------- funnel
    count_if(interaction_type = 'view') as view_count,
    count_if(interaction_type = 'click') as click_count,
    count_if(interaction_type = 'purchase') as purchase_count,

    ---------- users
    count(distinct user_id) as user_count,
    count(distinct case when interaction_type = 'purchase' then user_id end) as buyer_count,

    ---------- pace
    median(gap_micros) / 1000000 as median_gap_seconds
from interactions
group by product_id, event_date
