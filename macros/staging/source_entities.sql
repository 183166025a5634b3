{% macro source_entities() %}
    {%- set delivered = {
        'product': ['interactions'],
        'app': ['interactions', 'users'],
        'shop': ['impressions', 'clicks', 'add_to_carts', 'orders'],
        'crm': ['customers', 'transactions', 'support_interactions', 'events', 'sessions'],
    } -%}
    {%- set entities = [] -%}
    {%- for source_name in var('sources') -%}
        {%- if source_name not in delivered -%}
            {{ exceptions.raise_compiler_error(
                "var 'sources' names '" ~ source_name ~ "'; it may hold "
                ~ delivered | list | join(', ') ~ '.'
            ) }}
        {%- endif -%}
        {%- for entity in delivered[source_name] -%}
            {%- do entities.append((source_name, entity)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(entities) }}
{% endmacro %}
