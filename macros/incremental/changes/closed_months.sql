{% macro closed_months(affected, daily) %}
    {#- A month is closed once a later one has rows. Besides the months of changed days those are
        replaced that closed since, and those that are open again. -#}
    {%- if affected.whole or not affected.changed -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set edges = run_query(
        'select min(event_date), max(event_date) from ' ~ daily.relation_name
    ).rows[0] -%}
    {%- set held = run_query('select distinct month_start from ' ~ this).columns[0].values() | map('string') | list -%}
    {%- set open_month = footfall.month_of(edges[1]) if edges[1] else none -%}
    {%- set months = {} -%}
    {%- for month in held if not open_month or month >= open_month -%}
        {%- do months.update({month: true}) -%}
    {%- endfor -%}
    {%- if open_month -%}
        {%- for month in footfall.affected_months(affected).dates if month < open_month -%}
            {%- do months.update({month: true}) -%}
        {%- endfor -%}
        {%- set first = footfall.month_of(held | max, 1) if held else footfall.month_of(edges[0]) -%}
        {%- for day in footfall.dates_between(first, open_month)
            if day.endswith('-01') and day < open_month -%}
            {%- do months.update({day: true}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(dict(affected, dates=months | sort)) }}
{% endmacro %}
