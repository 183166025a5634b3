{% macro require_followed() %}
    {#- Before anything is written: each table that goes on from what it holds can take back the rows
        that were updated or deleted upstream. A backfill leaves that to the next run. -#}
    {%- set stuck, reasons = {}, {} -%}
    {%- for unique_id in (selected_resources if footfall.forced_dates() is none else [])
        if unique_id in graph.nodes -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- if footfall.is_stored(node) and footfall.is_built(node) and not footfall.is_built_anew(node) -%}
            {%- set consumed = footfall.consumed_loads(node) -%}
            {%- for name in footfall.entities_of(node) if name in consumed -%}
                {%- set changes = footfall.upstream_changes(name, (consumed[name], none)) -%}
                {%- set reason = footfall.why_not_followed(node, name) if changes else none -%}
                {%- if reason -%}
                    {%- do stuck.update({node.unique_id: true}) -%}
                    {%- do reasons.update({name ~ ': ' ~ reason: true}) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if stuck -%}
        {%- set first = [] -%}
        {%- for unique_id in stuck if not footfall.has_ancestor_in(graph.nodes[unique_id], stuck | list) -%}
            {%- do first.append(graph.nodes[unique_id].name ~ '+') -%}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error(
            'Rows of loads that were read have changed: updated or deleted upstream, arrived late, or judged anew.\n  '
            ~ reasons | sort | join('\n  ')
            ~ '\n  → Rebuild what held them: dbt build --full-refresh --select ' ~ first | sort | join(' ')
            ~ '\n    Nothing was changed.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro why_not_followed(node, name) %}
    {%- set source_name, entity = name.split('.') -%}
    {%- set adoption = footfall.run_state().adopted.get(name) -%}
    {%- if adoption and adoption.on_change != 'apply' -%}
        {{ return('it was adopted with --on-change refuse') }}
    {%- elif target.type == 'databricks' -%}
        {{ return("Databricks' merge only inserts") }}
    {%- elif not footfall.staged_by_day(source_name, entity) -%}
        {{ return('its key does not tell the day of a row') }}
    {%- elif node.config.meta.get('by_person') -%}
        {{ return(node.schema ~ ' holds what each person did before, whichever the day') }}
    {%- elif not var('session_split_at_midnight') and node.config.meta.get('widens') == 'session_dates' -%}
        {{ return('sessions that cross midnight may have begun on another day') }}
    {%- elif node.config.meta.get('widens') == 'version_dates' -%}
        {{ return('the version before may lie on another day') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
