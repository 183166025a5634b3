{% macro sequence_plan(impressions, actions) %}
    {#- Which impression days to write. One with new impressions is recomputed whole; one that comes
        after late actions only for the customers who acted late. -#}
    {%- set written = {
        'whole': impressions.whole,
        'dates': impressions.dates,
        'loads': dict(impressions.loads, **actions.loads),
        'changed': impressions.changed or actions.changed,
    } -%}
    {%- set plan = {
        'written': written, 'repaired': [], 'late_customers': none, 'spans': [{'base': none}]
    } -%}
    {%- if not footfall.plans_run() or not written.changed -%}
        {{ return(plan) }}
    {%- endif -%}
    {%- if not written.whole and actions.ranges and actions.dates -%}
        {%- set customers = footfall.customers_of_loads(actions) -%}
        {%- set repaired = footfall.query_dates(
            'select distinct built.dt from ' ~ this ~ ' as built inner join (' ~ customers
            ~ ') as late on built.customer_id = late.customer_id and built.dt > late.since'
            ~ " where built.dt > date'" ~ actions.dates | min ~ "'"
        ) | reject('in', written.dates) | list -%}
        {%- do plan.update({'repaired': repaired, 'late_customers': customers if repaired}) -%}
        {%- do written.update({'dates': (written.dates + repaired) | sort}) -%}
    {%- elif not written.whole and actions.dates -%}
        {%- set after = footfall.query_dates(
            'select distinct event_date from ' ~ ref('stg_shop__impressions')
            ~ " where event_date > date'" ~ actions.dates | min ~ "'"
        ) -%}
        {%- do written.update({'dates': (written.dates + after) | unique | sort}) -%}
    {%- endif -%}
    {%- do plan.update({'spans': footfall.sequence_spans(written)}) -%}
    {{ return(plan) }}
{% endmacro %}


{% macro sequence_spans(written) %}
    {#- Impression days by the newest checkpoint that is not after them. -#}
    {%- set checkpoints = footfall.checkpoint_dates(ref('int_customer_action_checkpoints')) -%}
    {%- set edges = [none] + checkpoints + [none] -%}
    {%- set spans = [] -%}
    {%- for base in edges[:-1] -%}
        {%- set until = edges[loop.index] -%}
        {%- set days = written.dates -%}
        {%- set days = days | select('ge', base) | list if base else days -%}
        {%- set days = days | select('lt', until) | list if until else days -%}
        {%- if days or written.whole -%}
            {%- do spans.append(
                {'base': base, 'until': until, 'newest': days | max if days else until}
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(spans) }}
{% endmacro %}


{% macro only_late_on_repaired_days(plan) %}
    {%- if plan.repaired -%}
        and (
            not {{ footfall.in_dates('dt', {'dates': plan.repaired}) }}
            or customer_id in (select customer_id from late_customers)
        )
    {%- endif -%}
{% endmacro %}


{% macro others_of_repaired_days(plan) %}
    {%- if plan.repaired -%}
        union all
        select
            dt,
            customer_id,
            actions,
            action_types,
            action_count
        from {{ this }}
        where {{ footfall.in_dates('dt', {'dates': plan.repaired}) }} {{ footfall.and_customers('others') }}
    {%- endif -%}
{% endmacro %}
