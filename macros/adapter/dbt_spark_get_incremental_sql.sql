{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {%- if raw_strategy == 'replace_where' and file_format == 'delta' -%}
        {{ return(raw_strategy) }}
    {%- endif -%}
    {{ return(dbt.dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format)) }}
{% endmacro %}


{% macro dbt_spark_get_incremental_sql(
    strategy, source, target, existing, unique_key, incremental_predicates
) %}
    {%- set run = footfall.noted_run() -%}
    {%- set from_relation = source.include(schema=false) if model.language == 'python' else source -%}
    {%- if run and (not run.changed or run.replace_where == 'false') -%}
        select 'nothing new' as result
    {%- elif strategy == 'replace_where' and footfall.replaces_days(target, run) -%}
        select 'computed by DuckDB' as result
    {%- elif strategy == 'replace_where' -%}
        {{ footfall.replace_where_sql(
            from_relation, target, run.replace_where if run else incremental_predicates
        ) }}
    {%- elif strategy == 'merge' and config.get('merge_update_columns') == [] -%}
        {{ footfall.insert_new_sql(
            from_relation, target, unique_key,
            dates=run.merge_dates if run else none, replaced=run.dates if run else none,
        ) }}
    {%- else -%}
        {{ dbt.dbt_spark_get_incremental_sql(
            strategy, from_relation, target, existing, unique_key, incremental_predicates
        ) }}
    {%- endif -%}
{% endmacro %}
