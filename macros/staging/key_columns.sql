{% macro key_columns(contract) %}
    {#- Each version of a row is a row of its own, told by all that it says. -#}
    {{ return(
        contract.columns | list if contract.config.meta.version else contract.config.meta.key
    ) }}
{% endmacro %}
