{% macro pin_loads() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'snapshot'] -%}
        {%- do newest_loads(source_entities()) -%}
    {%- endif -%}
{% endmacro %}
