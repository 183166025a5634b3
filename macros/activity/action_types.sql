{% macro action_types() %}
    {%- set types = [] -%}
    {%- if 'product' in var('sources') -%}
        {%- do types.extend(['view', 'click', 'purchase']) -%}
    {%- endif -%}
    {%- if 'app' in var('sources') -%}
        {%- do types.extend(['page_view', 'edit', 'create', 'delete', 'share']) -%}
    {%- endif -%}
    {{ return(types) }}
{% endmacro %}
