{% macro loads_since(consumed, newest, from_nothing=false) %}
    {%- set ranges = {} -%}
    {%- for name, load_id in newest.items()
        if from_nothing or load_id > consumed.get(name, 0) -%}
        {%- do ranges.update({name: (consumed.get(name, 0), load_id)}) -%}
    {%- endfor -%}
    {{ return(ranges) }}
{% endmacro %}
