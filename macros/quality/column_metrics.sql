{% macro column_metrics(source_name, entity) -%}
    {#- Of one scan: a struct of aggregates for each column. -#}
    {%- set structs = [] -%}
    {%- for column in footfall.profiled_columns(source_name, entity) -%}
        {%- set shown = footfall.shows_values(column) -%}
        {%- set is_number = modules.re.match(
            '(tinyint|smallint|int|bigint|float|double|decimal)', column.data_type
        ) is not none -%}
        {%- set struct -%}
        struct(
            '{{ column.name }}' as column_name,
            count(*) as row_count,
            count(*) - count({{ column.name }}) as null_count,
            approx_count_distinct({{ column.name }}) as distinct_count,
            {{ 'cast(min(' ~ column.name ~ ') as string)' if shown else 'cast(null as string)' }} as minimum,
            {{ 'cast(max(' ~ column.name ~ ') as string)' if shown else 'cast(null as string)' }} as maximum,
            {{ 'cast(avg(try_cast(' ~ column.name ~ ' as decimal(38, 6))) as double)'
                if is_number and shown else 'cast(null as double)' }} as mean
        )
        {%- endset -%}
        {%- do structs.append(struct) -%}
    {%- endfor -%}
    array({{ structs | join(', ') }})
{%- endmacro %}


{% macro profiled_entities() %}
    {%- set entities = [] -%}
    {%- for source_name, entity in footfall.source_entities() -%}
        {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity)
            if execute and not footfall.is_unit_test() else none -%}
        {%- if not staged or not staged.config.meta.get('slowly_changing') -%}
            {%- do entities.append((source_name, entity)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(entities) }}
{% endmacro %}


{% macro profiled_columns(source_name, entity) %}
    {%- set contract = footfall.source_contract(source_name, entity) -%}
    {%- set columns = [] -%}
    {%- if contract -%}
        {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity).columns -%}
        {%- for column in contract.columns.values()
            if column.name in staged and not modules.re.match('(array|map|struct)<', column.data_type) -%}
            {%- do columns.append(column) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}


{% macro shows_values(column) %}
    {#- The least and greatest of a person's ids, names or texts are personal data. -#}
    {%- set meta = column.config.meta -%}
    {{ return(
        not meta.get('identifies') and (column.data_type != 'string' or meta.get('accepted_values') is not none)
    ) }}
{% endmacro %}
