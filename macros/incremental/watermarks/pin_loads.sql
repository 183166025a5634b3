{% macro pin_loads() %}
    {%- if footfall.plans_run() -%}
        {%- do footfall.newest_loads(footfall.source_entities()) -%}
    {%- endif -%}
{% endmacro %}
