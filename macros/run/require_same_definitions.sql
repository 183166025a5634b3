{% macro require_same_definitions() %}
    {#- Before anything is written: what this run reads or goes on with was built under the definitions
        that it runs under, unless it builds it anew itself. -#}
    {%- if not footfall.plans_run() or not footfall.stale_nodes() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set stale, tables, lines, first = [], [], [], [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ['model', 'snapshot', 'seed'] and footfall.is_built(node) -%}
        {%- set changes = footfall.changed_definitions(node, footfall.definitions_of(node)) -%}
        {%- if changes -%}
            {%- do stale.append(node.unique_id) -%}
            {%- do tables.append(node.unique_id) if footfall.is_stored(node) -%}
            {%- do lines.append('  ' ~ node.name ~ ': ' ~ changes | join(', ')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for unique_id in stale
        if not tables or not footfall.has_ancestor_in(graph.nodes[unique_id], stale) -%}
        {%- do first.append(graph.nodes[unique_id].name ~ ('+' if tables else '')) -%}
    {%- endfor -%}
    {%- set missing = footfall.missing_before(stale) if tables else [] -%}
    {{ exceptions.raise_compiler_error(
        'These nodes were built under other definitions than those of this run:\n'
        ~ lines | sort | join('\n')
        ~ '\n  → Rebuild them: dbt build ' ~ ('--full-refresh ' if tables) ~ '--select '
        ~ (first | sort + missing | sort) | join(' ')
        ~ '\n    Or set the definition back. Nothing was changed.'
    ) }}
{% endmacro %}


{% macro stale_nodes() %}
    {#- Of the nodes that this run builds or reads, those under other definitions. -#}
    {%- set read = {} -%}
    {%- for unique_id in selected_resources if unique_id in graph.nodes -%}
        {%- if graph.nodes[unique_id].resource_type in ['model', 'snapshot'] -%}
            {%- for name in footfall.ancestors_of(graph.nodes[unique_id]) -%}
                {%- do read.update({name: true}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set stale = [] -%}
    {%- for unique_id in read if not footfall.is_built_anew(graph.nodes[unique_id]) -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- set definitions = footfall.definitions_of(node) if unique_id in selected_resources
            else footfall.inherited_definitions(node) -%}
        {%- if footfall.changed_definitions(node, definitions) -%}
            {%- do stale.append(unique_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(stale) }}
{% endmacro %}


{% macro missing_before(unique_ids) %}
    {#- Names of the nodes without a table or view, as a newer version of the project adds them, that
        what comes after these nodes reads, and that do not come after them. -#}
    {%- set missing = {} -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ['model', 'snapshot'] and footfall.has_ancestor_in(node, unique_ids) -%}
        {%- for name in footfall.ancestors_of(node)
            if name not in unique_ids and not footfall.has_ancestor_in(graph.nodes[name], unique_ids)
            and not footfall.is_built(graph.nodes[name]) -%}
            {%- do missing.update({graph.nodes[name].name: true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(missing | list) }}
{% endmacro %}


{% macro is_built_anew(node) %}
    {{ return(node.unique_id in selected_resources and (
        flags.FULL_REFRESH or not footfall.is_stored(node)
    )) }}
{% endmacro %}


{% macro is_stored(node) %}
    {#- Whether the node's rows stay from run to run. -#}
    {{ return(
        node.resource_type in ['model', 'snapshot'] and node.config.materialized != 'view'
    ) }}
{% endmacro %}


{% macro ancestors_of(node) %}
    {#- The node itself and all before it. -#}
    {%- set known = footfall.run_state().setdefault('ancestors', {}) -%}
    {%- if node.unique_id not in known -%}
        {%- set found = {node.unique_id: true} -%}
        {%- for parent in node.depends_on.get('nodes', []) if parent in graph.nodes -%}
            {%- for name in footfall.ancestors_of(graph.nodes[parent]) -%}
                {%- do found.update({name: true}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do known.update({node.unique_id: found | list}) -%}
    {%- endif -%}
    {{ return(known[node.unique_id]) }}
{% endmacro %}


{% macro has_ancestor_in(node, unique_ids) %}
    {{ return(
        footfall.ancestors_of(node) | reject('eq', node.unique_id) | select('in', unique_ids) | list | length > 0
    ) }}
{% endmacro %}


{% macro changed_definitions(node, definitions) %}
    {%- set changes = [] -%}
    {%- if footfall.is_built(node) -%}
        {%- set built = footfall.properties_of(node) -%}
        {%- set stored = footfall.is_stored(node) -%}
        {%- for name, value in definitions.items() -%}
            {#- A table from before a definition was kept is taken as it is. Views and seeds, which
                are soon made again, are not. -#}
            {%- set before = built.get('footfall.definitions.' ~ name, value if stored else 'unknown') -%}
            {#- The loads of a source that a table never had are new to it. -#}
            {%- set grows = stored and name == 'sources'
                and before.split(',') | reject('in', value.split(',')) | list | length == 0 -%}
            {#- The seed itself says that it is unknown. -#}
            {%- set is_known = value != 'unknown' or node.resource_type == 'seed' -%}
            {%- if is_known and (before != value or before == 'unknown') and not grows
                and not footfall.is_replayed(node, name, before, value) -%}
                {%- do changes.append(name ~ ' was ' ~ before ~ ', is ' ~ value) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(changes) }}
{% endmacro %}
