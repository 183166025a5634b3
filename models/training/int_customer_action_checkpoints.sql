{{ config(partition_by=['checkpoint_date', 'bucket']) }}

{% set plan = checkpoint_plan(
    affected_dates(of=['int_customer_action_segments']),
    affected_dates(of=['stg_shop__impressions'])
) %}
{{ note_run(plan.loads, plan.changed, replace_where=plan.replace_where) }}

-- depends_on: {{ ref('stg_shop__impressions') }}

with {{ late_customers(plan) }}

runs as (
    {{ checkpoint_runs(plan) }}
),

-- So that a customer's runs meet in one task before they are collected.
runs_by_customer as (
    select * from runs
    distribute by customer_id
),

collected as (
    select
        checkpoint_date,
        customer_id,
        {{ newest_runs('actions, action_types, action_days') }} as newest_runs
    from runs_by_customer
    group by checkpoint_date, customer_id
)

select
    checkpoint_date,
    {{ customer_bucket('customer_id') }} as bucket,
    customer_id,
    {{ newest_actions('newest_runs.actions') }} as actions,
    {{ newest_actions('newest_runs.action_types') }} as action_types,
    {{ newest_actions('newest_runs.action_days') }} as action_days
from collected
