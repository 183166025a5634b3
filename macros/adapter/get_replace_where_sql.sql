{% macro get_replace_where_sql(args_dict) %}
    {%- set run = footfall.noted_run() -%}
    {%- if run and (not run.changed or run.replace_where == 'false') -%}
        {{ return("select 'nothing new' as result") }}
    {%- endif -%}
    {%- if run and run.replace_where -%}
        {%- do args_dict.update({'incremental_predicates': run.replace_where}) -%}
    {%- endif -%}
    {{ return(dbt.get_replace_where_sql(args_dict)) }}
{% endmacro %}
