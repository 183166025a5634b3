{% macro consumed_loads(node) %}
    {%- set prefix = 'footfall.loads.' -%}
    {%- set loads = {} -%}
    {%- for name, value in footfall.properties_of(node).items() if name.startswith(prefix) -%}
        {%- do loads.update({name[prefix | length:]: value | int}) -%}
    {%- endfor -%}
    {{ return(loads) }}
{% endmacro %}
