{% macro core_window_days() %}
    {{ return(7) }}
{% endmacro %}
