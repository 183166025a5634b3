{% macro day_bit(day) -%}
    shiftleft(1, day({{ day }}) - 1)
{%- endmacro %}
