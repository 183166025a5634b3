{% macro id_columns(contract) %}
    {%- set names = [] -%}
    {%- for column in contract.columns.values()
        if column.data_type == 'string'
        and column.config.meta.required
        and column.config.meta.accepted_values is not defined
        and (column.name in contract.config.meta.key or column.name.endswith('_id')) -%}
        {%- do names.append(column.name) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
