{% macro is_unit_test() %}
    {{ return(model is defined and model.resource_type == 'unit_test') }}
{% endmacro %}
