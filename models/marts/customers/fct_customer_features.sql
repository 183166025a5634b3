{{ config(partition_by=['as_of_date']) }}

{% set affected = affected_dates() %}
{% set as_of_filter = from_first_affected('as_of_date', affected) %}
{{ note_run(affected.loads, affected.changed, replace_where=as_of_filter) }}

with customers as (
    select * from {{ ref('stg_crm__customers') }}
),

transactions as (
    select * from {{ ref('stg_crm__transactions') }}
),

events as (
    select * from {{ ref('stg_crm__events') }}
),

sessions as (
    select * from {{ ref('stg_crm__sessions') }}
),

customer_days as (
    select
        customer_id,
        event_date,
        sum(purchase_count) as purchase_count,
        sum(spend) as spend,
        min(first_currency) as first_currency,
        max(last_currency) as last_currency,
        sum(transaction_count) as transaction_count,
        sum(event_count) as event_count,
        sum(purchase_event_count) as purchase_event_count,
        sum(session_count) as session_count,
        sum(session_seconds) as session_seconds
    from (
        select
            customer_id,
            event_date,
            count_if(transaction_status = 'completed') as purchase_count,
            sum(if(transaction_status = 'completed', amount, 0)) as spend,
            min(coalesce(currency, '')) filter (where transaction_status = 'completed')
                as first_currency,
            max(coalesce(currency, '')) filter (where transaction_status = 'completed')
                as last_currency,
            count(*) as transaction_count,
            0 as event_count,
            0 as purchase_event_count,
            0 as session_count,
            0 as session_seconds
        from transactions
        group by customer_id, event_date
        union all
        select
            customer_id,
            event_date,
            0 as purchase_count,
            0 as spend,
            null as first_currency,
            null as last_currency,
            0 as transaction_count,
            count(*) as event_count,
            count_if(event_type = 'purchase') as purchase_event_count,
            0 as session_count,
            0 as session_seconds
        from events
        group by customer_id, event_date
        union all
        select
            customer_id,
            event_date,
            0 as purchase_count,
            0 as spend,
            null as first_currency,
            null as last_currency,
            0 as transaction_count,
            0 as event_count,
            0 as purchase_event_count,
            count(session_duration) as session_count,
            coalesce(sum(session_duration), 0) as session_seconds
        from sessions
        group by customer_id, event_date
        union all
        select
            customer_id,
            event_date,
            0 as purchase_count,
            0 as spend,
            null as first_currency,
            null as last_currency,
            0 as transaction_count,
            0 as event_count,
            0 as purchase_event_count,
            0 as session_count,
            0 as session_seconds
        from customers
    ) as daily_parts
    group by customer_id, event_date
),

observed_days as (
    select explode(sequence(min(event_date), max(event_date))) as as_of_date
    from customer_days
),

as_of_dates as (
    select as_of_date
    from (
        select
            *,
            max(as_of_date) over () as newest_date
        from observed_days
    ) as observed_days_with_newest
    where
        (as_of_date = last_day(as_of_date) or as_of_date = newest_date)
        and {{ as_of_filter }}
),

features as (
    select
        customer_days.customer_id,
        as_of_dates.as_of_date,
        sum(customer_days.purchase_count) as purchase_frequency,
        sum(customer_days.spend) as spend,
        min(customer_days.first_currency) as first_currency,
        max(customer_days.last_currency) as last_currency,
        max(if(customer_days.purchase_count > 0, customer_days.event_date, null))
            as last_purchase_date,
        max(if(customer_days.transaction_count > 0, customer_days.event_date, null))
            as last_transaction_date,
        sum(
            if(
                customer_days.event_date > date_sub(as_of_dates.as_of_date, 30),
                customer_days.transaction_count,
                0
            )
        ) as transaction_frequency_last_30_days,
        sum(customer_days.session_seconds) as session_seconds,
        sum(customer_days.session_count) as session_count,
        sum(customer_days.purchase_event_count) as purchase_event_count,
        sum(customer_days.event_count) as event_count
    from as_of_dates
    inner join customer_days
        on as_of_dates.as_of_date >= customer_days.event_date
    group by customer_days.customer_id, as_of_dates.as_of_date
),

-- Amounts of several currencies have no sum.
spending as (
    select
        *,
        case when first_currency is null or first_currency = last_currency then spend end
            as total_spend
    from features
)

select
    ---------- grain
    customer_id,
    as_of_date,

    ---------- purchases
    purchase_frequency,
    cast(total_spend as decimal(38, 2)) as total_spend,
    cast(try_divide(total_spend, purchase_frequency) as decimal(38, 6)) as avg_transaction_value,
    if(first_currency = last_currency, nullif(first_currency, ''), null) as spend_currency,
    last_purchase_date,
    datediff(as_of_date, last_purchase_date) as recency_days,

    ---------- transactions
    datediff(as_of_date, last_transaction_date) as days_since_last_transaction,
    transaction_frequency_last_30_days,

    ---------- behaviour
    cast(try_divide(session_seconds, session_count) as double) as average_session_duration,
    cast(try_divide(purchase_event_count, event_count) as double) as event_conversion_rate
from spending
