{% macro staged_value(column) -%}
    {%- if column.config.meta.otherwise is defined -%}
        coalesce({{ column.name }}, try_cast({{ column.config.meta.otherwise }} as {{ column.data_type }}))
    {%- else -%}
        {{ column.name }}
    {%- endif -%}
{%- endmacro %}
