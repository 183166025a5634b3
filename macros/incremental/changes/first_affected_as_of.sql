{% macro first_affected_as_of(affected) %}
    {#- What is known as of a date changes from the first affected date on. The newest as-of date is the
        newest day: its rows go when that day moves, backwards too, where its own rows were removed. -#}
    {%- if affected.whole or not affected.dates -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set observed = [] -%}
    {%- for table in footfall.inputs_of(graph.nodes[model.unique_id]) -%}
        {%- do observed.append('select max(event_date) as newest from ' ~ table.relation_name) -%}
    {%- endfor -%}
    {%- set queries = [
        'select max(as_of_date) as newest from ' ~ this,
        'select max(newest) from (' ~ observed | join(' union all ') ~ ')',
    ] -%}
    {%- set newest = run_query(queries | join(' union all ')).columns[0].values() -%}
    {{ return(
        ([affected.dates | min] + (newest | reject('none') | map('string') | list)) | min
    ) }}
{% endmacro %}
