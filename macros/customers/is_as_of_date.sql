{% macro is_as_of_date(day, newest_day) -%}
    {%- set grid = footfall.setting('as_of_dates') -%}
    {%- if grid == 'daily' -%}
        true
    {%- else -%}
        (
            {{ day }} in (last_day({{ day }}), {{ newest_day }})
            {%- if grid == 'weekly' %} or weekday({{ day }}) = 6{% endif -%}
        )
    {%- endif -%}
{%- endmacro %}


{% macro as_of_date_before(day) %}
    {%- set grid = footfall.setting('as_of_dates') -%}
    {%- set date = modules.datetime.date.fromisoformat(day) -%}
    {%- set one = modules.datetime.timedelta(days=1) -%}
    {%- if grid == 'daily' -%}
        {{ return((date - one).isoformat()) }}
    {%- endif -%}
    {%- set found = [(date.replace(day=1) - one).isoformat()] -%}
    {%- if grid == 'weekly' -%}
        {%- do found.append((date - one * date.isoweekday()).isoformat()) -%}
    {%- endif -%}
    {{ return(found | max) }}
{% endmacro %}
