{% macro newest_loads(entities) %}
    {%- set queries = [] -%}
    {%- for source_name, entity in entities -%}
        {%- do queries.append(
            "select '" ~ source_name ~ '.' ~ entity ~ "' as name, coalesce(max(_load_id), 0) as load_id"
            ~ ' from ' ~ source_contract(source_name, entity).relation_name
        ) -%}
    {%- endfor -%}
    {%- set loads = {} -%}
    {%- for row in run_query(queries | join(' union all ')) -%}
        {%- do loads.update({row[0]: row[1] | int}) -%}
    {%- endfor -%}
    {{ return(loads) }}
{% endmacro %}
