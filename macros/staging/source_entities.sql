{% macro source_entities() %}
    {%- set entities = [] -%}
    {%- for source_name in var('sources') -%}
        {%- for entity in footfall.delivered_entities().get(source_name, []) -%}
            {%- do entities.append((source_name, entity)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(entities) }}
{% endmacro %}
