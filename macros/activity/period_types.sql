{% macro period_types() %}
    {{ return(['day', 'week', 'month']) }}
{% endmacro %}
