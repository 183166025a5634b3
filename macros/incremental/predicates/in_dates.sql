{% macro in_dates(column, affected) %}
    {%- if affected.whole -%}
        true
    {%- elif not affected.dates -%}
        false
    {%- else -%}
        {{ column }} in (
            {%- for day in affected.dates -%}
                date'{{ day }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        )
    {%- endif -%}
{% endmacro %}
