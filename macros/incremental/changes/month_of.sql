{% macro month_of(day, months_after=0) %}
    {%- set first = modules.datetime.date.fromisoformat(day | string) -%}
    {%- set months = first.year * 12 + first.month - 1 + months_after -%}
    {{ return(modules.datetime.date(months // 12, months % 12 + 1, 1).isoformat()) }}
{% endmacro %}
