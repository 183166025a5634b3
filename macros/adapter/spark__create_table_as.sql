{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set statement = dbt.spark__create_table_as(temporary, relation, compiled_code, language) -%}
    {%- if not temporary and language == 'sql' and footfall.creates_by_day(relation, compiled_code) -%}
        select 'computed by DuckDB' as result
    {%- else -%}
        {{ statement }}
    {%- endif -%}
{%- endmacro %}
