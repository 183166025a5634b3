{% macro replay_plan(source_name, entity, newest) %}
    {%- if execute -%}
        {{ tojson({
            'rules': footfall.rules_checksum(footfall.source_contract(source_name, entity)),
            'is_by_day': footfall.staged_by_day(source_name, entity),
            'sql': footfall.rejudged_days(source_name, entity, newest),
        }) }}
    {%- endif -%}
{% endmacro %}


{% macro rejudged_days(source_name, entity, newest) %}
    {%- set loads = {'ranges': {source_name ~ '.' ~ entity: (0, newest)}} -%}
    {%- set values = footfall.value_columns(source_name, entity) -%}
    {%- set staged_values = [] -%}
    {%- for column in values -%}
        {%- do staged_values.append(footfall.staged_value(column) | trim) -%}
    {%- endfor %}
    with judged as (
        select event_date, event_key, _load_id, {{ footfall.content_hash(staged_values) }} as content
        from ({{ footfall.first_arrivals(source_name, entity, loads) }})
    ),

    staged as (
        select
            event_date, event_key, _load_id,
            {{ footfall.content_hash(values | map(attribute='name') | list) }} as content
        from {{ footfall.model_node('stg_' ~ source_name ~ '__' ~ entity).relation_name }}
        where _load_id <= {{ newest }}
    ),

    compared as (
        select event_date, count(*) as judged_rows, 0L as staged_rows, {{ footfall.day_checksum() }} as checksum
        from judged
        group by event_date
        union all
        select event_date, 0L, count(*), -{{ footfall.day_checksum() }}
        from staged
        group by event_date
    )

    select
        cast(event_date as string) as event_date,
        sum(judged_rows) as judged_rows,
        sum(staged_rows) as staged_rows
    from compared
    group by event_date
    having sum(judged_rows) <> sum(staged_rows) or sum(checksum) <> 0
    order by event_date
{%- endmacro %}


{% macro day_checksum() -%}
    sum(cast(xxhash64(event_key, _load_id, content) as decimal(38, 0)))
{%- endmacro %}
