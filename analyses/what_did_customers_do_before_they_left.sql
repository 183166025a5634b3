-- What did customers do before they left: buyers a month before each month's end, and whether they
-- bought nothing in that month?
{% set buyers %}
(
    select
        totals.customer_id,
        cast(add_months(months.month_end, -1) as timestamp) as asked_at,
        totals.last_purchase_date <= add_months(months.month_end, -1) as has_left
    from {{ ref('int_customer_totals') }} as totals
    inner join (
        select distinct last_day(as_of_date) as month_end
        from {{ ref('int_customer_totals') }}
    ) as months
        on totals.as_of_date = months.month_end
    where totals.first_purchase_date < add_months(months.month_end, -1)
)
{% endset %}

select *
from {{ point_in_time(
    {'relation': buyers, 'at': 'asked_at', 'columns': ['has_left']},
    {
        'relation': ref('fct_customer_features'),
        'at': start_of_day('date_add(as_of_date, 1)'),
        'columns': [
            'as_of_date', 'purchase_frequency', 'total_spend', 'recency_days',
            'transaction_frequency_last_30_days', 'event_conversion_rate',
        ],
    },
    ['customer_id'],
) }}
order by customer_id, asked_at
