{% macro consumed_loads(relation) %}
    {%- set loads = {} -%}
    {%- set prefix = 'footfall.loads.' -%}
    {%- for row in run_query('show tblproperties ' ~ relation) -%}
        {%- if row[0].startswith(prefix) -%}
            {%- do loads.update({row[0][prefix | length:]: row[1] | int}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(loads) }}
{% endmacro %}
