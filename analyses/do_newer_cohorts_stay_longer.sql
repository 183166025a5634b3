-- Do newer cohorts stay longer: which share of each was active 1, 2 and 3 months later?
select
    cohort_start,
    max(cohort_size) as cohort_size,
    max(if(period_number = 1, bounded_retention, null)) as after_1_month,
    max(if(period_number = 2, bounded_retention, null)) as after_2_months,
    max(if(period_number = 3, bounded_retention, null)) as after_3_months
from {{ ref('fct_retention_cohorts') }}
where period_type = 'month' and definition = 'basic' and is_complete
group by cohort_start
order by cohort_start
