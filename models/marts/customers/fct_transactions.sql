{% set affected = affected_dates() %}
{{ note_replaced_dates('event_date', affected) }}

with versions as (
    select * from {{ ref('stg_crm__transactions') }}
),

ranked as (
    select
        versions.*,
        row_number() over (
            partition by versions.transaction_id
            order by
                versions.updated_at desc nulls last,
                versions._load_id desc,
                versions.event_key desc
        ) as age
    from versions
    {%- if not affected.whole %}
    where
        versions.transaction_id in (
            select touched.transaction_id
            from versions as touched
            where {{ in_dates('touched.event_date', affected) }}
        )
    {%- endif %}
),

newest as (
    select *
    from ranked
    where age = 1 and {{ in_dates('event_date', affected) }}
),

priced as (
    select
        newest.*,
        {{ exchange_rate('newest.currency', 'rates.rate') }} as exchange_rate
    from newest
    left join {{ ref('dim_exchange_rates') }} as rates
        on
            upper(newest.currency) = rates.currency
            and newest.event_date between rates.first_date and rates.last_date
)

select
    ---------- ids
    transaction_id,
    customer_id,
    product_id,

    ---------- when
    event_date,
    transaction_time,
    updated_at,

    ---------- payment
    quantity,
    price,
    amount,
    currency,
    payment_method,
    transaction_status,

    ---------- money
    exchange_rate,
    cast(amount * exchange_rate as decimal(38, 2)) as reporting_amount,
    if(exchange_rate is null, null, {{ converted_currency('currency') }}) as reporting_currency
from priced
