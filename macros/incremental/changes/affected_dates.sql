{% macro affected_dates(of=none, without=[]) %}
    {%- set affected = footfall.affected_loads(of) -%}
    {%- if affected.whole or not affected.changed -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set node = graph.nodes[model.unique_id] -%}
    {%- set change = {
        'ranges': affected.ranges,
        'forced': affected.dates if affected.is_forced else none,
        'without': without,
        'consumer': node,
    } -%}
    {%- set inputs = footfall.changed_inputs(footfall.inputs_of(node, of), change) -%}
    {#- What a model reads of some inputs it widens itself. -#}
    {%- set own = inputs if of else footfall.spread(node, inputs, change) -%}
    {{ return(dict(affected, whole=own.whole, dates=own.dates, input_dates=inputs.dates)) }}
{% endmacro %}


{% macro affected_loads(of=none) %}
    {%- set affected = {
        'whole': true, 'changed': true, 'is_forced': false,
        'dates': [], 'input_dates': [], 'ranges': {}, 'loads': {},
    } -%}
    {%- if not footfall.plans_run() -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set available = footfall.available_loads(of) -%}
    {%- if not is_incremental() -%}
        {{ return(dict(affected, loads=available)) }}
    {%- endif -%}
    {%- set forced = footfall.forced_dates() -%}
    {%- if forced is not none -%}
        {{ return(dict(affected, whole=false, is_forced=true, dates=forced, input_dates=forced)) }}
    {%- endif -%}
    {%- set consumed = footfall.consumed_loads(model) -%}
    {%- if not consumed -%}
        {#- Built without rows, or left by a crash before it said what it reflects. -#}
        {{ return(dict(affected, loads=available)) }}
    {%- endif -%}
    {%- set ranges = footfall.loads_since(consumed, available) -%}
    {{ return(dict(
        affected, whole=false, ranges=ranges, loads=available, changed=ranges | length > 0
    )) }}
{% endmacro %}
