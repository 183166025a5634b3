{% macro user_attributes() %}
    {{ return(['country', 'device_type', 'subscription_type']) }}
{% endmacro %}
