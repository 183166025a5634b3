-- How many distinct users came in the last 90 days, by country, from sketches and exactly?
with asked as (
    select
        date_sub(max(event_date), 89) as first_date,
        max(event_date) as last_date
    from {{ ref('fct_user_sketches_daily') }}
),

sketches as (
    select days.*
    from {{ ref('fct_user_sketches_daily') }} as days
    inner join asked on days.event_date between asked.first_date and asked.last_date
),

user_days as (
    select days.*
    from {{ ref('fct_user_activity_daily') }} as days
    inner join asked on days.event_date between asked.first_date and asked.last_date
),

estimated as (
    select
        segment_value as country,
        hll_sketch_estimate(hll_union_agg(user_sketch)) as estimated_users
    from sketches
    where segment_type = 'country'
    group by segment_value
),

counted as (
    select
        country,
        count(distinct user_id) as users
    from user_days
    group by country
)

select
    counted.country,
    counted.users,
    estimated.estimated_users,
    estimated.estimated_users / counted.users - 1 as relative_error
from counted
inner join estimated on counted.country = estimated.country
order by counted.users desc
