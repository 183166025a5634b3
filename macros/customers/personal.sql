{% macro personal(column) -%}
    {%- if footfall.setting('personal_data') -%}
        {{ column }}
    {%- else -%}
        cast(null as string)
    {%- endif -%}
{%- endmacro %}
