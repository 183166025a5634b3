{% macro properties_of(node) %}
    {#- What a table or view says of itself; nothing where it was never built. -#}
    {%- set known = footfall.run_state().properties -%}
    {%- if node.unique_id not in known -%}
        {%- set found = {} -%}
        {%- if footfall.is_built(node) -%}
            {%- set log = footfall.delta_log_of(node) -%}
            {%- set rows = log.properties.items() if log
                else run_query('show tblproperties ' ~ node.relation_name) -%}
            {%- for row in rows if row[0].startswith('footfall.') -%}
                {%- do found.update({row[0]: row[1]}) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- do known.update({node.unique_id: found}) -%}
    {%- endif -%}
    {{ return(known[node.unique_id]) }}
{% endmacro %}


{% macro is_built(node) %}
    {{ return(footfall.relation_of(node) is not none) }}
{% endmacro %}


{% macro relation_of(node) %}
    {{ return(load_cached_relation(api.Relation.create(
        database=node.database or none, schema=node.schema, identifier=node.identifier or node.alias
    ))) }}
{% endmacro %}
