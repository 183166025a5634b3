{% macro pin_loads() %}
    {%- if plans_run() -%}
        {%- do newest_loads(source_entities()) -%}
    {%- endif -%}
{% endmacro %}
