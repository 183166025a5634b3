{{ config(partition_by=['as_of_date']) }}

{% set affected = affected_dates() %}
{% set first_as_of = first_affected_as_of(affected) %}
{% set affected_as_of = 'true' if affected.whole
    else "as_of_date >= date'" ~ first_as_of ~ "'" if first_as_of else 'false' %}
{#- The totals as of the date before are kept; what came after it is added to them. -#}
{% set kept_date = as_of_date_before(first_as_of) if first_as_of else '0001-01-31' %}
{% set first_date = "date_add(date'" ~ kept_date ~ "', 1)" if first_as_of else 'min(event_date)' %}
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
        if(transaction_status = 'completed', 'purchase', 'transaction') as kind,
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

changes as (
    select * from facts
    union all
    select
        customer_id,
        date_add(event_date, {{ recent_days }}) as event_date,
        'no longer recent' as kind,
        null as amount,
        null as currency,
        null as seconds
    from facts
    where kind in ('purchase', 'transaction')
),

observed_days as (
    select
        newest_date,
        explode(sequence(first_date, newest_date)) as event_date
    from (
        select
            {{ first_date }} as first_date,
            max(event_date) as newest_date
        from facts
    ) as edges
    where first_date <= newest_date
),

calendar as (
    select
        event_date,
        min(if({{ is_as_of_date('event_date', 'newest_date') }}, event_date, null)) over (
            order by event_date desc
        ) as as_of_date
    from observed_days
),

as_of_dates as (
    select distinct as_of_date
    from calendar
    where {{ affected_as_of }}
),

dated_changes as (
    select
        changes.*,
        calendar.as_of_date
    from changes
    inner join calendar
        on changes.event_date = calendar.event_date
    -- One shuffle serves the sums and the running totals.
    distribute by changes.customer_id
),

totals_between as (
    select
        customer_id,
        as_of_date,
        count_if(kind = 'purchase') as purchase_count,
        count_if(kind = 'purchase' and amount is null) as unconverted_purchase_count,
        coalesce(sum(amount) filter (where kind = 'purchase'), 0) as spend,
        coalesce(bool_or(kind = 'purchase' and currency is not null), false) as has_spend_currency,
        min(event_date) filter (where kind = 'purchase') as first_purchase_date,
        max(event_date) filter (where kind = 'purchase') as last_purchase_date,
        max(event_date) filter (where kind in ('purchase', 'transaction')) as last_transaction_date,
        count_if(kind in ('purchase', 'transaction')) - count_if(kind = 'no longer recent')
            as recent_transaction_count,
        count_if(kind in ('event', 'purchase event')) as event_count,
        count_if(kind = 'purchase event') as purchase_event_count,
        count(seconds) as session_count,
        coalesce(sum(seconds), 0) as session_seconds
    from dated_changes
    group by customer_id, as_of_date
    {%- if first_as_of %}
    union all
    select
        customer_id,
        as_of_date,
        purchase_count,
        unconverted_purchase_count,
        spend,
        spend_currency is not null as has_spend_currency,
        first_purchase_date,
        last_purchase_date,
        last_transaction_date,
        recent_transaction_count,
        event_count,
        purchase_event_count,
        session_count,
        session_seconds
    from {{ this }}
    where as_of_date = date'{{ kept_date }}'
    {%- endif %}
),

totals_so_far as (
    select
        customer_id,
        as_of_date,
        lead(as_of_date, 1, date '9999-12-31') over customer_dates as next_date,
        sum(purchase_count) over customer_dates as purchase_count,
        sum(unconverted_purchase_count) over customer_dates as unconverted_purchase_count,
        sum(spend) over customer_dates as spend,
        max(has_spend_currency) over customer_dates as has_spend_currency,
        min(first_purchase_date) over customer_dates as first_purchase_date,
        max(last_purchase_date) over customer_dates as last_purchase_date,
        max(last_transaction_date) over customer_dates as last_transaction_date,
        sum(recent_transaction_count) over customer_dates as recent_transaction_count,
        sum(event_count) over customer_dates as event_count,
        sum(purchase_event_count) over customer_dates as purchase_event_count,
        sum(session_count) over customer_dates as session_count,
        sum(session_seconds) over customer_dates as session_seconds
    from totals_between
    window customer_dates as (partition by customer_id order by as_of_date)
)

select
    ---------- grain
    totals.customer_id,
    as_of_dates.as_of_date,

    ---------- purchases
    totals.purchase_count,
    totals.unconverted_purchase_count,
    cast(totals.spend as decimal(38, 2)) as spend,
    if(
        totals.has_spend_currency,
        {{ converted_currency(
            "(select max(reporting_currency) from " ~ ref('fct_transactions')
            ~ " where transaction_status = 'completed')"
        ) }},
        null
    ) as spend_currency,
    totals.first_purchase_date,
    totals.last_purchase_date,

    ---------- transactions
    totals.last_transaction_date,
    totals.recent_transaction_count,

    ---------- behaviour
    totals.event_count,
    totals.purchase_event_count,
    totals.session_count,
    totals.session_seconds
from totals_so_far as totals
inner join as_of_dates
    on
        totals.as_of_date <= as_of_dates.as_of_date
        and totals.next_date > as_of_dates.as_of_date
