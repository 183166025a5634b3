-- Amounts of several currencies have no sum.
with spending as (
    select
        *,
        case when first_currency is null or first_currency = last_currency then spend end
            as total_spend
    from {{ ref('int_customer_totals') }}
)

select
    ---------- grain
    customer_id,
    as_of_date,

    ---------- purchases
    purchase_count as purchase_frequency,
    total_spend,
    cast(try_divide(total_spend, purchase_count) as decimal(38, 6)) as avg_transaction_value,
    if(first_currency = last_currency, nullif(first_currency, ''), null) as spend_currency,
    last_purchase_date,
    datediff(as_of_date, last_purchase_date) as recency_days,

    ---------- transactions
    datediff(as_of_date, last_transaction_date) as days_since_last_transaction,
    recent_transaction_count as transaction_frequency_last_30_days,

    ---------- behaviour
    cast(try_divide(session_seconds, session_count) as double) as average_session_duration,
    cast(try_divide(purchase_event_count, event_count) as double) as event_conversion_rate
from spending
