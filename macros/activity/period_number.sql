{% macro period_number(period_type, day) -%}
    {%- if period_type == 'day' -%}
        unix_date({{ day }})
    {%- elif period_type == 'week' -%}
        {#- 1970-01-01 was a Thursday. -#}
        cast((unix_date(trunc({{ day }}, 'WEEK')) + 3) div 7 as int)
    {%- else -%}
        (year({{ day }}) - 1970) * 12 + month({{ day }}) - 1
    {%- endif -%}
{%- endmacro %}
