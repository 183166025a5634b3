{% macro batch_dates(source_name, entity, loads) %}
    {#- The event dates of the arriving rows, where the key holds the event's time: then an earlier
        arrival of the same event can only lie in one of these partitions. A date outside the range
        of plausible times has no partition, and may be none that Python knows. -#}
    {%- if not footfall.plans_run() or not is_incremental() or not loads.changed -%}
        {{ return(none) }}
    {%- endif -%}
    {%- if not footfall.staged_by_day(source_name, entity) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set contract = footfall.source_contract(source_name, entity) -%}
    {%- set event_time = contract.config.meta.event_time -%}
    {%- set plausible = [event_time ~ ' is not null'] -%}
    {%- for condition, reason in footfall.time_checks(contract) -%}
        {%- do plausible.append('not coalesce(' ~ condition ~ ', false)') -%}
    {%- endfor -%}
    {{ return(footfall.query_dates(
        'select distinct ' ~ footfall.event_date(event_time, contract.columns[event_time].data_type)
        ~ ' as event_date from ' ~ contract.relation_name ~ ' where '
        ~ footfall.in_loads('_load_id', loads, source_name ~ '.' ~ entity)
        ~ ' and ' ~ plausible | join(' and ')
    )) }}
{% endmacro %}


{% macro staged_by_day(source_name, entity) %}
    {%- set contract = footfall.source_contract(source_name, entity) -%}
    {%- set staging = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity) -%}
    {{ return(
        contract.config.meta.event_time in footfall.key_columns(contract)
        and 'event_date' in (staging.config.partition_by or [])
    ) }}
{% endmacro %}


{% macro in_batch_dates(source_name, entity, loads) -%}
    {%- set dates = footfall.batch_dates(source_name, entity, loads) -%}
    {{ footfall.in_dates('event_date', {'whole': dates is none, 'dates': dates or []}) }}
{%- endmacro %}
