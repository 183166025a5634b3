{% macro definitions_of(node) %}
    {#- What a table's rows mean: it carries the definitions of all that it is made of;
        `own_definitions` change a table and nothing downstream. -#}
    {%- set known = footfall.run_state().setdefault('definitions', {}) -%}
    {%- if node.unique_id not in known -%}
        {%- set found = {} -%}
        {%- if node.resource_type == 'seed' -%}
            {%- do found.update({'seed.' ~ node.name: footfall.seed_version(node)}) -%}
        {%- endif -%}
        {%- set reads_sources = [] -%}
        {%- for parent in node.depends_on.get('nodes', []) -%}
            {%- if parent in graph.nodes -%}
                {%- do found.update(footfall.inherited_definitions(graph.nodes[parent])) -%}
            {%- elif parent in graph.sources and footfall.is_delivered(graph.sources[parent]) -%}
                {%- set contract = graph.sources[parent] -%}
                {%- do reads_sources.append(parent) -%}
                {%- do found.update({
                    'contract.' ~ contract.source_name ~ '.' ~ contract.name: footfall.rules_checksum(contract)
                }) -%}
            {%- endif -%}
        {%- endfor -%}
        {#- Where sources stand beside each other, one more or less changes nothing for the others. -#}
        {%- if footfall.entities_of(node) and not reads_sources -%}
            {%- do found.update({'sources': footfall.sources_of(node)}) -%}
        {%- endif -%}
        {%- set meta = node.config.meta or {} -%}
        {%- for name in meta.get('definitions', []) -%}
            {%- do found.update({name: footfall.definition_value(name)}) -%}
        {%- endfor -%}
        {%- set own = {} -%}
        {%- for name in meta.get('own_definitions', []) -%}
            {%- do own.update({name: footfall.definition_value(name)}) -%}
        {%- endfor -%}
        {%- do known.update({node.unique_id: {'inherited': found, 'all': dict(found, **own)}}) -%}
    {%- endif -%}
    {{ return(known[node.unique_id].all) }}
{% endmacro %}


{% macro inherited_definitions(node) %}
    {%- do footfall.definitions_of(node) -%}
    {{ return(footfall.run_state().definitions[node.unique_id].inherited) }}
{% endmacro %}


{% macro definition_value(name) %}
    {#- Of a var, or of what a macro returns: long values by their checksum. -#}
    {%- set macro = footfall.macro_named(name) -%}
    {%- set value = macro() if macro else footfall.setting(name) -%}
    {%- set is_plain = value is string or value is not iterable -%}
    {%- set text = value | string if is_plain else tojson(value, sort_keys=true) -%}
    {{ return(text if text | length <= 60 else local_md5(text)[:12]) }}
{% endmacro %}


{% macro sources_of(node) %}
    {%- set names = {} -%}
    {%- for name in footfall.entities_of(node) -%}
        {%- do names.update({name.split('.')[0]: true}) -%}
    {%- endfor -%}
    {{ return(names | sort | join(',')) }}
{% endmacro %}


{% macro seed_version(node) %}
    {#- Of the rows that a run reads: those of the file where the run loads it, else those loaded before. -#}
    {%- if node.unique_id in selected_resources -%}
        {{ return(node.checksum.checksum[:12]) }}
    {%- endif -%}
    {{ return(footfall.properties_of(node).get('footfall.definitions.seed.' ~ node.name, 'unknown')) }}
{% endmacro %}


{% macro rules_checksum(contract) %}
    {#- Of the checks as they are rendered: a rule that changes here changes it too. So does another
        table that is adopted, or another mapping of it. -#}
    {%- set types = {} -%}
    {%- for column in contract.columns.values()
        if column.config.meta | reject('in', ['personal', 'identifies']) | list
        or column.name in footfall.key_columns(contract) -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {%- set adoption = footfall.adoption_of(contract) if footfall.plans_run() else none -%}
    {{ return(local_md5(tojson(
        [contract.config.meta.event_time, footfall.event_key(contract), types, footfall.reject_checks(contract)]
        + ([adoption.signature] if adoption else []),
        sort_keys=true
    ))[:12]) }}
{% endmacro %}
