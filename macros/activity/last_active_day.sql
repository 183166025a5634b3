{% macro last_active_day(bits, month_start) -%}
    date_add({{ month_start }}, length(bin({{ bits }})) - 1)
{%- endmacro %}
