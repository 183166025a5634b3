{% macro segments_since_checkpoints(plan) %}
    {#- A customer's segments between the newest checkpoint and the day. -#}
    {%- for span in plan.spans %}
        {{ 'union all' if not loop.first }}
        {{ footfall.segments_of_span(span) }}
    {%- endfor %}
{% endmacro %}


{% macro checkpoints_before_days(plan) %}
    {#- The newest checkpoint that is not after a day; without one, no row. -#}
    {%- for span in plan.spans | selectattr('base') | list or [{'base': '0001-01-01'}] %}
        {{ 'union all' if not loop.first }}
        {{ footfall.base_of_span(span) }}
    {%- endfor %}
{% endmacro %}


{% macro segments_of_span(span) %}
    select /*+ broadcast(customer_days) */
        customer_days.dt,
        customer_days.customer_id,
        segments.event_date,
        segments.actions,
        segments.action_types
    from {{ ref('int_customer_action_segments') }} as segments
    inner join customer_days on segments.customer_id = customer_days.customer_id
    where
        segments.event_date < customer_days.dt
        {{ "and segments.event_date < date'" ~ span.newest ~ "'" if span.newest }}
        {{ "and segments.event_date >= date'" ~ span.base ~ "'" if span.base }}
        {{ 'and segments.event_date >= ' ~ footfall.history_start() if var('sequence_history_days') }}
        {{ footfall.days_of_span(span) }}
{% endmacro %}


{% macro base_of_span(span) %}
    select /*+ broadcast(customer_days) */
        customer_days.dt,
        customer_days.customer_id,
        {{ footfall.within_history('checkpoints.actions') }} as actions,
        {{ footfall.within_history('checkpoints.action_types') }} as action_types
    from {{ ref('int_customer_action_checkpoints') }} as checkpoints
    inner join customer_days on checkpoints.customer_id = customer_days.customer_id
    where
        checkpoints.checkpoint_date = date'{{ span.base }}'
        {{ footfall.days_of_span(span) }}
{% endmacro %}


{% macro days_of_span(span) %}
    {{- "and customer_days.dt >= date'" ~ span.base ~ "'" if span.base }}
    {{ "and customer_days.dt < date'" ~ span.until ~ "'" if span.until }}
{%- endmacro %}
