{% macro delta_log_of(node, made=none) %}
    {#- Spark takes a quarter of a second for what a file beside each commit says. -#}
    {%- set relation = footfall.relation_of(node) or made -%}
    {%- if relation is not none and adapter.read_delta_log is defined -%}
        {{ return(adapter.read_delta_log(relation)) }}
    {%- endif -%}
{% endmacro %}
