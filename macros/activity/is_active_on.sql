{% macro is_active_on(day, definition) -%}
    month_start = trunc({{ day }}, 'MM')
    and getbit({{ definition }}_days, day({{ day }}) - 1) = 1
{%- endmacro %}
