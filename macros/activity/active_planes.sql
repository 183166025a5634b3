{% macro active_planes() -%}
    inline(array(
        {%- for definition in activity_definitions() %}
        struct('{{ definition }}' as definition, {{ definition }}_days as active_days)
        {{- ',' if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}
