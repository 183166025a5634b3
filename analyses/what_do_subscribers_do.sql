-- What do users do on each subscription, as it was when they acted?
{% set strategy = join_strategy(ref('stg_product__interactions'), ref('dim_users'), 'user_id') %}
with interactions as (
    select * from {{ ref('stg_product__interactions') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

users_interactions as (
    {{ skewed_join(
        'interactions', 'users',
        key='user_id',
        columns=['subscription_type'],
        condition='users.valid_from <= interactions.event_time'
        ~ ' and coalesce(interactions.event_time < users.valid_to, true)',
        strategy=strategy
    ) }}
)

select
    coalesce(subscription_type, 'unknown') as subscription_type,
    interaction_type,
    count(*) as interaction_count,
    count(distinct user_id) as user_count
from users_interactions
group by coalesce(subscription_type, 'unknown'), interaction_type
order by subscription_type, interaction_type
