{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with interactions as (
    select * from {{ ref('stg_product__interactions') }}
    where {{ in_dates('event_date', affected) }}
),

product_days as (
    select
        event_date,
        product_id,
        count(*) as interaction_count
    from interactions
    group by event_date, product_id
),

product_day_shares as (
    select
        *,
        interaction_count / sum(interaction_count) over (partition by event_date) as day_share
    from product_days
)

select
    event_date,
    product_id,
    interaction_count,
    day_share,
    cast({{ salt_buckets('day_share') }} as int) as salt_buckets
from product_day_shares
where day_share > {{ var('hot_product_share') }}
