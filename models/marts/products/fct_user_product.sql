with closed_months as (
    select
        user_id,
        product_id,
        view_count,
        click_count,
        purchase_count,
        last_interaction_time
    from {{ ref('int_user_product_monthly') }}
),

open_month as (
    select
        user_id,
        product_id,
        view_count,
        click_count,
        purchase_count,
        last_interaction_time
    from {{ ref('fct_user_product_daily') }}
    where
        event_date >= coalesce(
            (
                select add_months(max(months.month_start), 1)
                from {{ ref('int_user_product_monthly') }} as months
            ),
            cast('0001-01-01' as date)
        )
)

select
    user_id,
    product_id,
    sum(view_count) as view_count,
    sum(click_count) as click_count,
    sum(purchase_count) as purchase_count,
    max(last_interaction_time) as last_interaction_time
from (
    select * from closed_months
    union all
    select * from open_month
) as parts
group by user_id, product_id
