{% macro by_definition(column_pattern) -%}
    inline(array(
        {%- for definition in footfall.activity_definitions() %}
        struct('{{ definition }}' as definition, {{ column_pattern | replace('*', definition) }} as value)
        {{- ',' if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}
