{% macro affected_dates(inputs) %}
    {%- if not execute or is_unit_test() -%}
        {{ return({'first': true, 'dates': [], 'loads': {}, 'changed': true}) }}
    {%- endif -%}
    {%- set available = {} -%}
    {%- for input in inputs if 'model.' ~ project_name ~ '.' ~ input in graph.nodes -%}
        {%- set relation = graph.nodes['model.' ~ project_name ~ '.' ~ input].relation_name -%}
        {%- for name, load_id in consumed_loads(relation).items() -%}
            {%- do available.update({name: [load_id, available.get(name, load_id)] | min}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if not is_incremental() -%}
        {{ return({'first': true, 'dates': [], 'loads': available, 'changed': true}) }}
    {%- endif -%}
    {%- if var('start_date', none) and var('end_date', none) -%}
        {{ return({
            'first': false,
            'dates': dates_between(var('start_date'), var('end_date')),
            'loads': consumed_loads(this),
            'changed': true,
        }) }}
    {%- endif -%}
    {%- set consumed = consumed_loads(this) -%}
    {%- set queries = [] -%}
    {%- for name, load_id in available.items() if load_id > consumed.get(name, 0) -%}
        {%- set staging = graph.nodes[
            'model.' ~ project_name ~ '.stg_' ~ name | replace('.', '__')
        ].relation_name -%}
        {%- do queries.append(
            'select event_date from ' ~ staging ~ ' where _load_id > ' ~ consumed.get(name, 0)
            ~ ' and _load_id <= ' ~ load_id
        ) -%}
    {%- endfor -%}
    {%- set dates = [] -%}
    {%- if queries -%}
        {%- set dates = run_query(
            'select distinct event_date from (' ~ queries | join(' union all ') ~ ') order by 1'
        ).columns[0].values() | map('string') | list -%}
    {%- endif -%}
    {{ return({
        'first': false, 'dates': dates, 'loads': available, 'changed': queries | length > 0
    }) }}
{% endmacro %}
