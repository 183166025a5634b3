{% macro is_delivered(source_node) %}
    {{ return(source_node.config.meta.event_time is defined) }}
{% endmacro %}
