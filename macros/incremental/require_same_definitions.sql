{% macro require_same_definitions() %}
    {%- if not changed_definitions(model) -%}
        {{ return('') }}
    {%- endif -%}
    {%- set lines, stale = [], [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ['model', 'snapshot'] and node.config.materialized != 'view' -%}
        {%- set changes = changed_definitions(node) -%}
        {%- if changes -%}
            {%- do stale.append(node.unique_id) -%}
            {%- do lines.append('  ' ~ node.name ~ ': ' ~ changes | join(', ')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set first = [] -%}
    {%- for unique_id in stale if not has_ancestor_in(graph.nodes[unique_id], stale) -%}
        {%- do first.append(graph.nodes[unique_id].name ~ '+') -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error(
        'Tables were built under another definition than the project has now:\n'
        ~ lines | sort | join('\n')
        ~ '\n  → Rebuild them: dbt build --full-refresh --select ' ~ first | sort | join(' ')
        ~ '\n    Or set the definition back; nothing of this table was changed.'
    ) }}
{% endmacro %}


{% macro changed_definitions(node) %}
    {%- set relation = load_cached_relation(api.Relation.create(
        database=node.database or none, schema=node.schema, identifier=node.alias
    )) -%}
    {%- set changes = [] -%}
    {%- if relation is not none -%}
        {%- set built = footfall_properties(node.relation_name) -%}
        {%- for name, value in definitions_of(node).items() -%}
            {%- set before = built.get('footfall.definitions.' ~ name, value) -%}
            {%- if before != value -%}
                {%- do changes.append(name ~ ' was ' ~ before ~ ', is ' ~ value) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(changes) }}
{% endmacro %}


{% macro has_ancestor_in(node, unique_ids) %}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- if parent in unique_ids or has_ancestor_in(graph.nodes[parent], unique_ids) -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}
