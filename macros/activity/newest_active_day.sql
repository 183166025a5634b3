{% macro newest_active_day(bits, month_start, until) -%}
    {%- set known = bits ~ ' & (shiftleft(1L, least(datediff(' ~ until ~ ', ' ~ month_start
        ~ '), 30) + 1) - 1)' -%}
    if({{ known }} > 0, {{ footfall.last_active_day(known, month_start) }}, null)
{%- endmacro %}
