with accepted as (
    {{ accepted_rows('crm', 'transactions') }}
)

select
    event_key,
    transaction_id,
    transaction_time,
    event_date,
    customer_id,
    product_id,
    quantity,
    price,
    cast(coalesce(amount, quantity * price) as decimal(18, 2)) as amount,
    currency,
    payment_method,
    transaction_status,
    _load_id
from accepted
