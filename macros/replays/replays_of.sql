{% macro replays_of(name) %}
    {{ return(footfall.all_replays().get(name, [])) }}
{% endmacro %}


{% macro all_replays() %}
    {#- A replay is a load without rows of its own: it says on which days rows of earlier loads are
        judged otherwise. Asked once a run, like the loads. -#}
    {%- set state = footfall.run_state() -%}
    {%- if 'replays' not in state -%}
        {%- set found = {} -%}
        {%- if footfall.relation_of(graph.sources['source.footfall.quality.dq_replays']) -%}
            {%- for row in run_query(
                "select source, load_id, rules_before, rules_after,"
                ~ " concat_ws(',', transform(changed_dates, day -> cast(day as string))) as dates"
                ~ ' from ' ~ footfall.record_relation('dq_replays') ~ ' order by load_id'
            ).rows -%}
                {%- do found.setdefault(row['source'], []).append({
                    'load_id': row['load_id'] | int,
                    'dates': row['dates'].split(',') if row['dates'] else [],
                    'rules_before': row['rules_before'],
                    'rules_after': row['rules_after'],
                }) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- do state.update({'replays': found}) -%}
    {%- endif -%}
    {{ return(state.replays) }}
{% endmacro %}


{% macro is_replayed(node, definition, before, value) %}
    {#- Whether a replay that the table does not reflect yet leads from one state of the rules to the
        other. A backfill leaves replays to the next run, and may not mix rules. -#}
    {%- set prefix = 'contract.' -%}
    {%- if footfall.forced_dates() is not none -%}
        {{ return(false) }}
    {%- elif definition in footfall.vars_of_rules() -%}
        {{ return(footfall.all_rules_are_replayed(node)) }}
    {%- elif not definition.startswith(prefix) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set pending = footfall.pending_replays(node, definition[prefix | length:]) -%}
    {{ return(
        pending | length > 0
        and before in pending | map(attribute='rules_before')
        and value == pending[-1].rules_after
    ) }}
{% endmacro %}


{% macro pending_replays(node, name) %}
    {%- set reflected = footfall.consumed_loads(node).get(name, 0) -%}
    {{ return(footfall.replays_of(name) | selectattr('load_id', 'gt', reflected) | list) }}
{% endmacro %}


{% macro all_rules_are_replayed(node) %}
    {#- The checksum of an entity's rules covers the vars in them: what a var means to a table is that
        the rules of its entities are others. -#}
    {%- set pending = [] -%}
    {%- for name in footfall.entities_of(node) -%}
        {%- set definition = 'contract.' ~ name -%}
        {%- set value = footfall.definitions_of(node).get(definition) -%}
        {%- set before = footfall.properties_of(node).get('footfall.definitions.' ~ definition, value) -%}
        {%- if before != value and not footfall.is_replayed(node, definition, before, value) -%}
            {{ return(false) }}
        {%- endif -%}
        {%- do pending.extend(footfall.pending_replays(node, name)) -%}
    {%- endfor -%}
    {{ return(pending | length > 0) }}
{% endmacro %}


{% macro vars_of_rules() %}
    {{ return(['id_max_characters', 'earliest_event_date', 'latest_event_days_after_arrival']) }}
{% endmacro %}
