{% macro dates_between(start_date, end_date) %}
    {%- set day = modules.datetime.date.fromisoformat(start_date | string) -%}
    {%- set last = modules.datetime.date.fromisoformat(end_date | string) -%}
    {%- set dates = [] -%}
    {%- for offset in range((last - day).days + 1) -%}
        {%- do dates.append((day + modules.datetime.timedelta(days=offset)).isoformat()) -%}
    {%- endfor -%}
    {{ return(dates) }}
{% endmacro %}
