{% macro day_step(relation, sql, run, is_new=false) %}
    {#- None where Spark computes the run. -#}
    {%- set meta = config.get('meta', {}) -%}
    {%- set by_duckdb = (meta.get('by_day') or (is_new and meta.get('at_once')))
        and adapter.day_step is defined -%}
    {%- if by_duckdb and run and not footfall.is_unit_test() -%}
        {{ return(adapter.day_step(model, sql, run.dates, relation)) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro replaces_days(relation, run) %}
    {%- set step = footfall.day_step(relation, model.compiled_code, run) -%}
    {{ return(step is not none and footfall.commits_by_day(step, relation, run.replace_where)) }}
{% endmacro %}


{% macro creates_by_day(relation, sql) %}
    {#- A table with the same columns is replaced in one commit. -#}
    {%- set existing = load_cached_relation(relation) -%}
    {%- set step = footfall.day_step(existing, sql, footfall.noted_run(), is_new=true) -%}
    {%- if not step or (existing and not step.fits(relation | string)) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if not existing -%}
        {%- set query = get_select_subquery(sql) if config.get('contract').enforced else sql -%}
        {%- do run_query(footfall.create_empty_table(relation, step.columns(query))) -%}
    {%- endif -%}
    {%- set properties = config.get('tblproperties', {}) if existing else none -%}
    {{ return(footfall.commits_by_day(step, relation, 'true', properties)) }}
{% endmacro %}


{% macro commits_by_day(step, relation, replace_where, properties=none) %}
    {%- set state = footfall.state_of_run() -%}
    {%- set done = step.run(relation | string, replace_where, state, properties) -%}
    {%- if done and state -%}
        {%- do footfall.run_state().committed.append(model.unique_id) -%}
    {%- endif -%}
    {{ return(done) }}
{% endmacro %}


{% macro create_empty_table(relation, columns) %}
    create or replace table {{ relation }} ({{ columns }})
    {{ file_format_clause() }}
    {{ options_clause() }}
    {{ tblproperties_clause() }}
    {{ partition_cols(label='partitioned by') }}
    {{ clustered_cols(label='clustered by') }}
    {{ location_clause() }}
    {{ comment_clause() }}
{% endmacro %}
