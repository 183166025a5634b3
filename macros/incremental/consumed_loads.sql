{% macro consumed_loads(relation) %}
    {%- set prefix = 'footfall.loads.' -%}
    {%- set loads = {} -%}
    {%- for name, value in footfall_properties(relation).items() if name.startswith(prefix) -%}
        {%- do loads.update({name[prefix | length:]: value | int}) -%}
    {%- endfor -%}
    {{ return(loads) }}
{% endmacro %}
