{{ config(partition_by=['dt']) }}

{% set affected = training_dates(
    affected_dates(['stg_shop__impressions']),
    affected_dates(['int_customer_action_segments']),
) %}
{{ replace_where('dt', affected) }}

with impressions as (
    select * from {{ ref('stg_shop__impressions') }}
    where {{ in_dates('dt', affected) }}
),

segments as (
    select * from {{ ref('int_customer_action_segments') }}
),

customer_days as (
    select distinct
        dt,
        customer_id
    from impressions
),

-- Segments are newest first within a day: days newest first, flattened, are the whole history.
histories as (
    select
        customer_days.dt,
        customer_days.customer_id,
        slice(
            flatten(
                sort_array(
                    collect_list(struct(segments.event_date, segments.actions)), false
                ).actions
            ),
            1,
            {{ var('sequence_length') | int }}
        ) as actions
    from customer_days
    left join segments
        on
            customer_days.customer_id = segments.customer_id
            and customer_days.dt > segments.event_date
    group by customer_days.dt, customer_days.customer_id
)

select
    dt,
    customer_id,
    cast(coalesce(actions.item_id, array()) as array<int>) as actions,
    cast(coalesce(actions.action_type, array()) as array<tinyint>) as action_types,
    size(coalesce(actions.item_id, array())) as action_count
from histories
