{% macro model_node(name) %}
    {%- for resource_type in ['model', 'snapshot', 'seed'] -%}
        {%- set unique_id = resource_type ~ '.footfall.' ~ name -%}
        {%- if unique_id in graph.nodes -%}
            {{ return(graph.nodes[unique_id]) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}
