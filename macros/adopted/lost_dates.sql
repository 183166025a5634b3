{% macro lost_dates(name, bounds) %}
    {%- set found = [] -%}
    {%- for load_id, dates in footfall.upstream_changes(name, bounds) -%}
        {%- do found.extend(dates) -%}
    {%- endfor -%}
    {{ return(found | unique | sort) }}
{% endmacro %}


{% macro upstream_changes(name, bounds) %}
    {%- set found = [] -%}
    {%- set adoption = footfall.run_state().get('adopted', {}).get(name, {}) -%}
    {%- for change in adoption.get('changes', [])
        if change[0] > bounds[0] and (bounds[1] is none or change[0] <= bounds[1]) -%}
        {%- do found.append(change) -%}
    {%- endfor -%}
    {%- for replay in footfall.replays_of(name)
        if replay.load_id > bounds[0] and (bounds[1] is none or replay.load_id <= bounds[1]) -%}
        {%- do found.append((replay.load_id, replay.dates)) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro loads_to_account(entities) %}
    {#- A row that was updated or deleted upstream, or judged anew, belonged to a load of before, whichever it was. -#}
    {%- set loads = footfall.new_loads(entities) -%}
    {%- if not footfall.plans_run() -%}
        {{ return(loads) }}
    {%- endif -%}
    {%- set ranges = {} -%}
    {%- for name, bounds in loads.ranges.items() -%}
        {%- do ranges.update({
            name: (0, bounds[1]) if footfall.upstream_changes(name, bounds) else bounds
        }) -%}
    {%- endfor -%}
    {{ return(dict(loads, ranges=ranges)) }}
{% endmacro %}
