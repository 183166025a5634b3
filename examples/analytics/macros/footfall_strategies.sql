{#- dbt looks for what extends an adapter in your project and not in its packages: each of these hands
    over to footfall. -#}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {{ return(footfall.dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format)) }}
{% endmacro %}


{% macro dbt_spark_get_incremental_sql(
    strategy, source, target, existing, unique_key, incremental_predicates
) %}
    {{ footfall.dbt_spark_get_incremental_sql(
        strategy, source, target, existing, unique_key, incremental_predicates
    ) }}
{% endmacro %}


{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {{ footfall.spark__create_table_as(temporary, relation, compiled_code, language) }}
{% endmacro %}


{% macro databricks__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {{ footfall.databricks__create_table_as(temporary, relation, compiled_code, language) }}
{% endmacro %}


{% macro get_replace_where_sql(args_dict) %}
    {{ return(footfall.get_replace_where_sql(args_dict)) }}
{% endmacro %}
