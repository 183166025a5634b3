{% macro staging_models() %}
    {%- set models = [] -%}
    {%- for source_name, entity in source_entities() -%}
        {%- do models.append('stg_' ~ source_name ~ '__' ~ entity) -%}
    {%- endfor -%}
    {{ return(models) }}
{% endmacro %}
