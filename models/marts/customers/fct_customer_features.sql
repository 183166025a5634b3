select
    ---------- grain
    customer_id,
    as_of_date,

    ---------- purchases
    purchase_count as purchase_frequency,
    unconverted_purchase_count,
    spend as total_spend,
    cast(
        try_divide(spend, purchase_count - unconverted_purchase_count) as decimal(38, 6)
    ) as avg_transaction_value,
    spend_currency,
    last_purchase_date,
    datediff(as_of_date, last_purchase_date) as recency_days,

    ---------- transactions
    datediff(as_of_date, last_transaction_date) as days_since_last_transaction,
    recent_transaction_count as transaction_frequency_last_30_days,

    ---------- behaviour
    cast(try_divide(session_seconds, session_count) as double) as average_session_duration,
    cast(try_divide(purchase_event_count, event_count) as double) as event_conversion_rate
from {{ ref('int_customer_totals') }}
