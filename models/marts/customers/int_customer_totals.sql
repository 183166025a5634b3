{{ config(partition_by=['as_of_date']) }}

{% set affected = affected_dates() %}
{% set first_as_of = first_affected_as_of(affected) %}
{% set affected_as_of = 'true' if affected.whole
    else "as_of_date >= date'" ~ first_as_of ~ "'" if first_as_of else 'false' %}
{#- The totals as of the date before are kept; what came after it is added to them. -#}
{% set kept_date = as_of_date_before(first_as_of) if first_as_of else '0001-01-31' %}
{% set first_date = "date'" ~ first_as_of ~ "'" if first_as_of else 'min(event_date)' %}
{% set recent_days = 30 %}
{{ require_one_currency() }}
{{ note_run(affected.loads, affected.changed, replace_where=affected_as_of) }}

with facts as (
    select
        customer_id,
        event_date,
        'customer' as kind,
        null as amount,
        null as currency,
        null as seconds
    from {{ ref('stg_crm__customers') }}
    where event_date > date'{{ kept_date }}'
    union all
    select
        customer_id,
        event_date,
        case
            when event_date <= date'{{ kept_date }}' then 'kept transaction'
            when transaction_status = 'completed' then 'purchase'
            else 'transaction'
        end as kind,
        reporting_amount as amount,
        reporting_currency as currency,
        null as seconds
    from {{ ref('fct_transactions') }}
    where event_date > date_sub(date'{{ kept_date }}', {{ recent_days }})
    union all
    select
        customer_id,
        event_date,
        if(event_type = 'purchase', 'purchase event', 'event') as kind,
        null as amount,
        null as currency,
        null as seconds
    from {{ ref('stg_crm__events') }}
    where event_date > date'{{ kept_date }}'
    union all
    select
        customer_id,
        event_date,
        'session' as kind,
        null as amount,
        null as currency,
        session_duration as seconds
    from {{ ref('stg_crm__sessions') }}
    where event_date > date'{{ kept_date }}'
),

customer_days as (
    select
        customer_id,
        event_date,
        count_if(kind = 'purchase') as purchase_count,
        count_if(kind = 'purchase' and amount is null) as unconverted_purchase_count,
        coalesce(sum(amount) filter (where kind = 'purchase'), 0) as spend,
        max(currency) filter (where kind = 'purchase') as spend_currency,
        min(event_date) filter (where kind = 'purchase') as first_purchase_date,
        max(event_date) filter (where kind = 'purchase') as last_purchase_date,
        max(event_date) filter (where kind in ('purchase', 'transaction')) as last_transaction_date,
        count_if(kind in ('purchase', 'transaction', 'kept transaction')) as transaction_count,
        count_if(kind in ('event', 'purchase event')) as event_count,
        count_if(kind = 'purchase event') as purchase_event_count,
        count(seconds) as session_count,
        coalesce(sum(seconds), 0) as session_seconds
    from facts
    group by customer_id, event_date
),

as_of_dates as (
    select as_of_date
    from (
        select
            newest_date,
            explode(sequence(first_date, newest_date)) as as_of_date
        from (
            select
                {{ first_date }} as first_date,
                max(event_date) as newest_date
            from customer_days
        ) as edges
    ) as observed_days
    where {{ is_as_of_date('as_of_date', 'newest_date') }}
),

parts as (
    select * from customer_days
    {%- if first_as_of %}
    union all
    select
        customer_id,
        as_of_date as event_date,
        purchase_count,
        unconverted_purchase_count,
        spend,
        spend_currency,
        first_purchase_date,
        last_purchase_date,
        last_transaction_date,
        0 as transaction_count,
        event_count,
        purchase_event_count,
        session_count,
        session_seconds
    from {{ this }}
    where as_of_date = date'{{ kept_date }}'
    {%- endif %}
)

select
    ---------- grain
    parts.customer_id,
    as_of_dates.as_of_date,

    ---------- purchases
    sum(parts.purchase_count) as purchase_count,
    sum(parts.unconverted_purchase_count) as unconverted_purchase_count,
    cast(sum(parts.spend) as decimal(38, 2)) as spend,
    max(parts.spend_currency) as spend_currency,
    min(parts.first_purchase_date) as first_purchase_date,
    max(parts.last_purchase_date) as last_purchase_date,

    ---------- transactions
    max(parts.last_transaction_date) as last_transaction_date,
    sum(
        if(
            parts.event_date > date_sub(as_of_dates.as_of_date, {{ recent_days }}),
            parts.transaction_count,
            0
        )
    ) as recent_transaction_count,

    ---------- behaviour
    sum(parts.event_count) as event_count,
    sum(parts.purchase_event_count) as purchase_event_count,
    sum(parts.session_count) as session_count,
    sum(parts.session_seconds) as session_seconds
from as_of_dates
inner join parts
    on as_of_dates.as_of_date >= parts.event_date
where {{ affected_as_of }}
group by parts.customer_id, as_of_dates.as_of_date
