{{ config(partition_by=['dt']) }}

{% set plan = sequence_plan(
    affected_dates(of=['stg_shop__impressions']),
    affected_dates(of=['int_customer_action_segments'])
) %}
{{ note_replaced_dates('dt', plan.written) }}

-- depends_on: {{ ref('int_customer_action_checkpoints') }}

with {{ late_customers(plan) }}

customer_days as (
    select distinct
        dt,
        customer_id
    from {{ ref('stg_shop__impressions') }}
    where {{ in_dates('dt', plan.written) }} {{ only_late_on_repaired_days(plan) }}
),

segments as (
    {{ segments_since_checkpoints(plan) }}
),

since_checkpoints as (
    select
        dt,
        customer_id,
        {{ newest_runs('actions, action_types') }} as newest_runs
    from segments
    group by dt, customer_id
),

checkpoints as (
    {{ checkpoints_before_days(plan) }}
),

-- The long lists of checkpoints stream past the customers: they are neither sorted nor collected.
sequences as (
    select
        customer_days.dt,
        customer_days.customer_id,
        {{ newest_of_both('since_checkpoints.newest_runs', 'checkpoints', 'actions') }}
            as actions,
        {{ newest_of_both('since_checkpoints.newest_runs', 'checkpoints', 'action_types') }}
            as action_types
    from customer_days
    left join checkpoints
        on customer_days.dt = checkpoints.dt and customer_days.customer_id = checkpoints.customer_id
    left join since_checkpoints
        on
            customer_days.dt = since_checkpoints.dt
            and customer_days.customer_id = since_checkpoints.customer_id
)

select
    dt,
    customer_id,
    actions,
    action_types,
    size(actions) as action_count
from sequences
{{ others_of_repaired_days(plan) }}
