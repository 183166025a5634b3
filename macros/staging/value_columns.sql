{% macro value_columns(source_name, entity) %}
    {%- set contract = footfall.source_contract(source_name, entity) -%}
    {%- set columns = [] -%}
    {%- if contract -%}
        {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity).columns -%}
        {%- for column in contract.columns.values()
            if column.name in staged
            and (
                contract.config.meta.message_id
                or column.name not in footfall.key_columns(contract)
            ) -%}
            {%- do columns.append(column) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}


{% macro content_hash(values) -%}
    {#- A hash passes over nulls: without the second of each pair a value could move to the next
        column unseen. -#}
    {%- if values -%}
        xxhash64({% for value in values %}{{ value }}, {{ value }} is null{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        cast(0 as bigint)
    {%- endif -%}
{%- endmacro %}
