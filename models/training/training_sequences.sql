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

runs as (
    {{ sequence_runs(plan) }}
),

-- So that a customer's runs meet in one task before they are collected.
runs_by_customer as (
    select * from runs
    distribute by customer_id
),

collected as (
    select
        dt,
        customer_id,
        {{ newest_runs('actions, action_types') }} as newest_runs
    from runs_by_customer
    group by dt, customer_id
),

sequences as (
    select
        dt,
        customer_id,
        {{ newest_actions('newest_runs.actions') }} as actions,
        {{ newest_actions('newest_runs.action_types') }} as action_types
    from collected
)

select
    dt,
    customer_id,
    actions,
    action_types,
    size(actions) as action_count
from sequences
{{ others_of_repaired_days(plan) }}
