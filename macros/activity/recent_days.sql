{% macro recent_days(bits, month_start, until, days) -%}
    {%- set shift = '(datediff(' ~ month_start ~ ', ' ~ until ~ ') + ' ~ (days - 1) ~ ')' -%}
    shiftright(shiftleft(cast({{ bits }} as bigint), greatest({{ shift }}, 0)), greatest(-{{ shift }}, 0))
    & {{ 2 ** days - 1 }}L
{%- endmacro %}
