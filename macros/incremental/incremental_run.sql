{% macro incremental_run(
    loads, changed, dates=none, replace_where=none, merge_dates=none, optimize_where=none
) %}
    {#- A comment in the compiled SQL: the strategy and the post-hooks read from it what this run
        replaces, and anyone can see it in target/compiled. -#}
    /* footfall:run {{ tojson({
        'loads': loads,
        'changed': changed,
        'dates': dates,
        'replace_where': replace_where,
        'merge_dates': merge_dates,
        'optimize_where': optimize_where or replace_where,
    }, sort_keys=true) }} */
{%- endmacro %}


{% macro current_incremental_run() %}
    {%- set found = modules.re.search(
        '(?:/[*]|#) footfall:run ([{].*?[}])(?: [*]/|\n|$)', model.compiled_code or ''
    ) -%}
    {{ return(fromjson(found.group(1)) if found else none) }}
{% endmacro %}
