{% macro source_contract(source_name, entity) %}
    {%- if execute -%}
        {%- for node in graph.sources.values()
            if node.source_name == source_name and node.name == entity -%}
            {{ return(node) }}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error(
            'There is no enabled source ' ~ source_name ~ '.' ~ entity ~ '.'
        ) }}
    {%- endif -%}
{% endmacro %}
