{% macro changed_rows(node, change) %}
    {#- A table changes where its inputs do, and where it spreads a change to other dates itself. -#}
    {%- set touched = [] -%}
    {%- for name in footfall.entities_of(node) if change.forced is not none or name in change.ranges -%}
        {%- do touched.append(name) -%}
    {%- endfor -%}
    {%- if node.name in change.without or not touched -%}
        {{ return({'whole': false, 'dates': []}) }}
    {%- endif -%}
    {%- set inputs = footfall.inputs_of(node) -%}
    {%- if not inputs -%}
        {{ return({'whole': false, 'dates': footfall.dates_of_loads(node, change)}) }}
    {%- endif -%}
    {%- set is_whole = node.config.meta.get('wide') and not node.config.meta.get('widens') -%}
    {{ return(
        {'whole': true, 'dates': []} if is_whole
        else footfall.spread(node, footfall.changed_inputs(inputs, change), change)
    ) }}
{% endmacro %}


{% macro changed_inputs(nodes, change) %}
    {%- set found = {'whole': false} -%}
    {%- set dates = {} -%}
    {%- for node in nodes -%}
        {%- set rows = footfall.changed_rows(node, change) -%}
        {%- do found.update({'whole': found.whole or rows.whole}) -%}
        {%- for day in rows.dates -%}
            {%- do dates.update({day: true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(dict(found, dates=dates | sort)) }}
{% endmacro %}


{% macro spread(node, rows, change) %}
    {%- set widens = node.config.meta.get('widens') -%}
    {%- if not widens or rows.whole -%}
        {{ return(rows) }}
    {%- endif -%}
    {{ return(footfall.macro_named(widens)(rows, change)) }}
{% endmacro %}


{% macro dates_of_loads(staging, change) %}
    {%- if staging.config.meta.get('slowly_changing') -%}
        {{ return([]) }}
    {%- elif change.forced is not none -%}
        {{ return(change.forced) }}
    {%- endif -%}
    {%- set loads = [] -%}
    {%- for name in footfall.entities_of(staging) if name in change.ranges -%}
        {%- set bounds = change.ranges[name] -%}
        {%- do loads.append('_load_id > ' ~ bounds[0] ~ ' and _load_id <= ' ~ bounds[1]) -%}
    {%- endfor -%}
    {%- set dates = [] -%}
    {%- do dates.extend(footfall.query_dates(
        'select distinct event_date from ' ~ staging.relation_name
        ~ ' where ' ~ loads | join(' or ')
    )) -%}
    {%- for name in footfall.entities_of(staging) if name in change.ranges -%}
        {%- do dates.extend(footfall.lost_dates(name, change.ranges[name])) -%}
    {%- endfor -%}
    {{ return(dates) }}
{% endmacro %}
