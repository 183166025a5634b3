{% macro affected_months(affected, reach=0) %}
    {%- set months = {} -%}
    {%- for day in affected.dates -%}
        {%- set first = modules.datetime.date.fromisoformat(day) -%}
        {%- set last = first + modules.datetime.timedelta(days=reach) -%}
        {%- for touched in (first, last) -%}
            {%- do months.update({touched.replace(day=1).isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(dict(affected, dates=months | sort)) }}
{% endmacro %}
