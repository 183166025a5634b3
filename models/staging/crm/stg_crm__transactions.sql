{% set contract = footfall.source_contract('crm', 'transactions') %}

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
    {{ staged_value(contract.columns.amount) if contract else 'amount' }} as amount,
    currency,
    payment_method,
    transaction_status,
    updated_at,
    _load_id
from accepted
