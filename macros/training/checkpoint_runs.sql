{% macro checkpoint_runs(plan) %}
    {#- What checkpoints are made of: an earlier one, and the segments since. -#}
    {%- set runs = [] -%}
    {%- for span in plan.spans -%}
        {%- if span.base != span.day -%}
            {%- do runs.append(footfall.segments_of_checkpoint(span)) -%}
        {%- endif -%}
        {%- if span.base -%}
            {%- do runs.append(footfall.base_of_checkpoint(span)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- (runs or [footfall.segments_of_checkpoint({'day': '0001-01-01'})]) | join(' union all ') -}}
{% endmacro %}


{% macro segments_of_checkpoint(span) %}
    select
        date'{{ span.day }}' as checkpoint_date,
        customer_id,
        event_date,
        actions,
        action_types,
        array(named_struct('event_date', event_date, 'action_count', size(actions))) as action_days
    from {{ ref('int_customer_action_segments') }}
    where
        event_date < date'{{ span.day }}'
        {{ "and event_date >= date'" ~ span.base ~ "'" if span.base }}
        {{ footfall.and_customers(span.who) }}
{% endmacro %}


{% macro base_of_checkpoint(span) %}
    select
        date'{{ span.day }}' as checkpoint_date,
        customer_id,
        date_sub(checkpoint_date, 1) as event_date,
        actions,
        action_types,
        action_days
    from {{ this }}
    where
        checkpoint_date = date'{{ span.base }}'
        {{ 'and bucket in (' ~ span.buckets | join(', ') ~ ')' if span.buckets }}
        {{ footfall.and_customers(span.who) }}
{% endmacro %}
