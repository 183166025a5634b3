{% macro newest_loads(entities) %}
    {#- Asked once a run: what arrives while a build runs belongs to the next one, in every table. -#}
    {%- set pinned = footfall.run_state().setdefault('newest_loads', {}) -%}
    {%- set queries = [] -%}
    {%- for source_name, entity in entities if source_name ~ '.' ~ entity not in pinned -%}
        {%- set bronze = footfall.source_contract(source_name, entity) -%}
        {%- set adopted = footfall.run_state().get('adopted', {}).get(source_name ~ '.' ~ entity) -%}
        {%- set log = none if adopted else footfall.delta_log_of(bronze) -%}
        {%- set newest = adopted.newest if adopted else log.largest('_load_id') if log else none -%}
        {%- if newest is not none -%}
            {%- do pinned.update({source_name ~ '.' ~ entity: newest}) -%}
        {%- else -%}
            {%- do queries.append(
                "select '" ~ source_name ~ '.' ~ entity ~ "' as name,"
                ~ ' coalesce(max(_load_id), 0) as load_id from ' ~ bronze.relation_name
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for row in (run_query(queries | join(' union all ')) if queries else []) -%}
        {%- do pinned.update({row[0]: row[1] | int}) -%}
    {%- endfor -%}
    {%- set loads = {} -%}
    {%- for source_name, entity in entities -%}
        {%- set name = source_name ~ '.' ~ entity -%}
        {%- set replayed = footfall.replays_of(name) | map(attribute='load_id') | list -%}
        {%- do loads.update({name: ([pinned[name]] + replayed) | max}) -%}
    {%- endfor -%}
    {{ return(loads) }}
{% endmacro %}
