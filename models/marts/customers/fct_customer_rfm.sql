with customers as (
    select
        customer_id,
        as_of_date,
        recency_days,
        purchase_frequency,
        total_spend
    from {{ ref('fct_customer_features') }}
    where purchase_frequency > 0
),

scored as (
    select
        *,
        cast({{ quintile('recency_days desc', 'as_of_date') }} as int) as recency_score,
        cast({{ quintile('purchase_frequency', 'as_of_date') }} as int) as frequency_score,
        cast({{ quintile('total_spend', 'as_of_date') }} as int) as monetary_score
    from customers
)

select
    ---------- grain
    scored.customer_id,
    scored.as_of_date,

    ---------- scores
    scored.recency_score,
    scored.frequency_score,
    scored.monetary_score,
    concat(scored.recency_score, scored.frequency_score, scored.monetary_score) as rfm_score,

    ---------- segment
    coalesce(segments.segment, 'other') as rfm_segment
from scored
left join {{ ref('rfm_segments') }} as segments
    on
        scored.recency_score = segments.recency_score
        and scored.frequency_score = segments.frequency_score
