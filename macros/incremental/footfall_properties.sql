{% macro footfall_properties(relation) %}
    {%- set known = run_state().properties -%}
    {%- set name = relation | string -%}
    {%- if name not in known -%}
        {%- set found = {} -%}
        {%- for row in run_query('show tblproperties ' ~ relation)
            if row[0].startswith('footfall.') -%}
            {%- do found.update({row[0]: row[1]}) -%}
        {%- endfor -%}
        {%- do known.update({name: found}) -%}
    {%- endif -%}
    {{ return(known[name]) }}
{% endmacro %}
