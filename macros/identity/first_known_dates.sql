{% macro first_known_dates(rows, change) %}
    {#- Each anonymous id keeps the load that told whose it is: only such of the new loads changed
        what its rows of before, on whatever day, count for. -#}
    {%- if change.forced is not none -%}
        {{ return(rows) }}
    {%- endif -%}
    {%- if footfall.takes_rows_back(change) -%}
        {{ return({'whole': true, 'dates': []}) }}
    {%- endif -%}
    {%- set told, days = [], [] -%}
    {%- for source_name, entity in footfall.identifying_entities() -%}
        {%- set name = source_name ~ '.' ~ entity -%}
        {%- set staged = footfall.model_node('stg_' ~ source_name ~ '__' ~ entity) -%}
        {%- if not staged.config.meta.get('slowly_changing') -%}
            {%- do days.append(
                'select event_date from ' ~ staged.relation_name
                ~ ' where user_id = anonymous_id and anonymous_id in (select anonymous_id from changed)'
            ) -%}
        {%- endif -%}
        {%- do told.append(
            "source = '" ~ name ~ "' and " ~ footfall.in_loads('_load_id', change, name) | trim
        ) -%}
    {%- endfor -%}
    {{ return(dict(rows, dates=footfall.query_dates(
        'with changed as (select anonymous_id from '
        ~ footfall.model_node('int_first_known_users').relation_name
        ~ ' where ' ~ told | join(' or ') ~ ') select distinct event_date from ('
        ~ days | join(' union all ') ~ ')'
    ))) }}
{% endmacro %}


{% macro identifying_entities() %}
    {%- set entities = [
        ('product', 'interactions'), ('app', 'interactions'), ('app', 'identify_calls')
    ] -%}
    {{ return(entities | selectattr(0, 'in', var('sources')) | list) }}
{% endmacro %}


{% macro takes_rows_back(affected) %}
    {#- Whether rows of earlier loads were updated, deleted or judged anew: one of them may have been
        the first that told whose an anonymous id is. -#}
    {%- set lost = [] -%}
    {%- for name, bounds in affected.ranges.items() -%}
        {%- do lost.extend(footfall.upstream_changes(name, bounds)) -%}
    {%- endfor -%}
    {{ return(lost | length > 0) }}
{% endmacro %}
