with dated as (
    select
        currency,
        rate_date,
        rate,
        lead(rate_date) over (partition by currency order by rate_date) as next_rate_date
    from {{ ref('exchange_rates') }}
)

select
    ---------- grain
    currency,
    rate_date as first_date,

    ---------- validity
    least(
        date_sub(next_rate_date, 1),
        date_add(rate_date, {{ setting('exchange_rate_days') }} - 1)
    ) as last_date,

    ---------- rate
    rate
from dated
