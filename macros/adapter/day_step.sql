{% macro day_step(relation, sql, run) %}
    {#- None where Spark computes the run. -#}
    {%- set is_by_day = config.get('meta', {}).get('by_day') and adapter.day_step is defined -%}
    {%- if is_by_day and run and not footfall.is_unit_test() -%}
        {{ return(adapter.day_step(model, sql, run.dates, relation)) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro replaces_days(relation, run) %}
    {%- set step = footfall.day_step(relation, model.compiled_code, run) -%}
    {%- if step -%}
        {%- do step.run(relation | string, run.replace_where) -%}
    {%- endif -%}
    {{ return(step is not none) }}
{% endmacro %}


{% macro creates_by_day(relation, sql) %}
    {#- A table with the same columns is replaced in one commit. -#}
    {%- set existing = load_cached_relation(relation) -%}
    {%- set step = footfall.day_step(existing, sql, footfall.noted_run()) -%}
    {%- if step and existing and not step.fits(relation | string) -%}
        {{ return(false) }}
    {%- elif step and existing -%}
        {%- do step.run(relation | string, 'true', config.get('tblproperties', {})) -%}
    {%- elif step -%}
        {%- do run_query(dbt.spark__create_table_as(
            false, relation, 'select * from (' ~ sql ~ ') where false'
        )) -%}
        {%- do step.run(relation | string, 'true') -%}
    {%- endif -%}
    {{ return(step is not none) }}
{% endmacro %}
