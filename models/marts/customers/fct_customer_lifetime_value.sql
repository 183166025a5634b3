with buyers as (
    select
        as_of_date,
        trunc(first_purchase_date, 'MM') as cohort_month,
        purchase_count,
        spend,
        max(as_of_date) over () as newest_date
    from {{ ref('int_customer_totals') }}
    where first_purchase_date is not null
),

months as (
    select *
    from buyers
    where as_of_date in (last_day(as_of_date), newest_date)
)

select
    ---------- grain
    cohort_month,
    12 * (year(as_of_date) - year(cohort_month))
    + month(as_of_date) - month(cohort_month) as age_months,

    ---------- until when
    as_of_date,
    as_of_date = last_day(as_of_date) as is_complete_month,

    ---------- value
    count(*) as customer_count,
    sum(purchase_count) as purchase_count,
    cast(sum(spend) as decimal(38, 2)) as total_spend,
    cast(sum(spend) / count(*) as decimal(38, 6)) as lifetime_value
from months
group by cohort_month, as_of_date
