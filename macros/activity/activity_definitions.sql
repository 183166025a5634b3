{% macro activity_definitions() %}
    {{ return(['basic', 'core', 'engaged']) }}
{% endmacro %}
