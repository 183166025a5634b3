{% macro dates_around(dates, before=0, after=0) %}
    {%- set found = {} -%}
    {%- for text in dates -%}
        {%- set day = modules.datetime.date.fromisoformat(text) -%}
        {%- for offset in range(-before, after + 1) -%}
            {%- do found.update({(day + modules.datetime.timedelta(days=offset)).isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{% endmacro %}
