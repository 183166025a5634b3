{% macro first_affected_as_of(affected, tables) %}
    {#- What is known as of a date changes from the first affected date on. The newest as-of date is the
        newest day: its rows go when that day moves, which it does backwards only where days are
        recomputed whose rows were removed. -#}
    {%- if affected.whole or not affected.dates -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set queries = ['select max(as_of_date) as newest from ' ~ this] -%}
    {%- if affected.is_forced -%}
        {%- set observed = [] -%}
        {%- for name in tables -%}
            {%- do observed.append(
                'select max(event_date) as newest from ' ~ footfall.model_node(name).relation_name
            ) -%}
        {%- endfor -%}
        {%- do queries.append('select max(newest) from (' ~ observed | join(' union all ') ~ ')') -%}
    {%- endif -%}
    {%- set newest = run_query(queries | join(' union all ')).columns[0].values() -%}
    {{ return(
        ([affected.dates | min] + (newest | reject('none') | map('string') | list)) | min
    ) }}
{% endmacro %}
