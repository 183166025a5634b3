{% macro note_replaced_dates(column, affected) %}
    {{- footfall.note_run(
        affected.loads,
        affected.changed,
        dates=none if affected.whole else affected.dates,
        replace_where=footfall.in_dates(column, affected) | trim,
    ) -}}
{% endmacro %}


{% macro note_replaced_table(affected) %}
    {{- footfall.note_run(
        affected.loads, affected.changed, replace_where='true' if affected.changed else 'false'
    ) -}}
{% endmacro %}


{% macro note_replaced_loads(loads) %}
    {%- set conditions = [] -%}
    {%- for name in loads.ranges -%}
        {%- do conditions.append(
            "(source = '" ~ name ~ "' and " ~ footfall.in_loads('load_id', loads, name) ~ ')'
        ) -%}
    {%- endfor -%}
    {#- OPTIMIZE takes conditions on partition columns only. -#}
    {{- footfall.note_run(
        loads.loads,
        loads.changed,
        replace_where=conditions | join(' or ') or 'false',
        optimize_where="source in ('" ~ loads.ranges | join("', '") ~ "')" if conditions else none,
    ) -}}
{% endmacro %}


{% macro note_run(
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


{% macro noted_run() %}
    {%- set found = modules.re.search(
        '(?:/[*]|#) footfall:run ([{].*?[}])(?: [*]/|\n|$)', model.compiled_code or ''
    ) -%}
    {{ return(fromjson(found.group(1)) if found else none) }}
{% endmacro %}
