{% macro in_loads(column, loads, name) %}
    {%- if name not in loads.ranges -%}
        false
    {%- elif loads.ranges[name][1] is none -%}
        true
    {%- else -%}
        {{ column }} > {{ loads.ranges[name][0] }} and {{ column }} <= {{ loads.ranges[name][1] }}
    {%- endif -%}
{% endmacro %}


{% macro replace_loads(loads) %}
    {%- set conditions = [] -%}
    {%- for name in loads.ranges -%}
        {%- do conditions.append(
            "(source = '" ~ name ~ "' and " ~ in_loads('load_id', loads, name) ~ ')'
        ) -%}
    {%- endfor -%}
    {#- OPTIMIZE takes conditions on partition columns only. -#}
    {{- incremental_run(
        loads.loads,
        loads.changed,
        replace_where=conditions | join(' or ') or 'false',
        optimize_where="source in ('" ~ loads.ranges | join("', '") ~ "')" if conditions else none,
    ) -}}
{% endmacro %}
