{% macro delta_log_of(node) %}
    {#- Spark takes a quarter of a second for what a file beside each commit says. -#}
    {%- set relation = load_cached_relation(api.Relation.create(
        database=node.database or none, schema=node.schema, identifier=node.identifier or node.alias
    )) -%}
    {%- if relation is not none and adapter.read_delta_log is defined -%}
        {{ return(adapter.read_delta_log(relation)) }}
    {%- endif -%}
{% endmacro %}
