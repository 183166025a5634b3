{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set statement = dbt.spark__create_table_as(temporary, relation, compiled_code, language) -%}
    {%- if not temporary and language == 'sql' and footfall.creates_by_day(relation, compiled_code) -%}
        select 'computed by DuckDB' as result
    {%- else -%}
        {{ statement }}
    {%- endif -%}
{%- endmacro %}


{% macro databricks__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {#- dbt prefers a macro of the project, even Spark's, to dbt-databricks' own. -#}
    {{ dbt.databricks__create_table_as(temporary, relation, compiled_code, language) }}
{%- endmacro %}
