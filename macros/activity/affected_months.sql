{% macro affected_months(affected, days_after=0) %}
    {%- set months = {} -%}
    {%- for day in affected.dates -%}
        {%- set first = modules.datetime.date.fromisoformat(day) -%}
        {%- set last = first + modules.datetime.timedelta(days=days_after) -%}
        {%- for touched in (first, last) -%}
            {%- do months.update({touched.replace(day=1).isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(dict(affected, dates=months | sort)) }}
{% endmacro %}


{% macro days_of_months(affected, days_before=0) %}
    {%- set days = {} -%}
    {%- for month in affected.dates -%}
        {%- set first = modules.datetime.date.fromisoformat(month) -%}
        {%- for offset in range(-days_before, 31) -%}
            {%- set day = first + modules.datetime.timedelta(days=offset) -%}
            {%- if offset < 0 or day.month == first.month -%}
                {%- do days.update({day.isoformat(): true}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(dict(affected, dates=days | sort)) }}
{% endmacro %}
