{% macro in_loads(column, loads, name) %}
    {%- if name not in loads.ranges -%}
        false
    {%- elif loads.ranges[name][1] is none -%}
        true
    {%- else -%}
        {{ column }} > {{ loads.ranges[name][0] }} and {{ column }} <= {{ loads.ranges[name][1] }}
    {%- endif -%}
{% endmacro %}
