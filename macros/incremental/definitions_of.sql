{% macro definitions_of(node) %}
    {#- A table carries the definitions of all that it is made of; `own_definitions` change a
        table and nothing behind it. -#}
    {%- set known = run_state().setdefault('definitions', {}) -%}
    {%- if node.unique_id not in known -%}
        {%- set found = {} -%}
        {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
            {%- do found.update(inherited_definitions(graph.nodes[parent])) -%}
        {%- endfor -%}
        {%- for parent in node.depends_on.nodes if parent in graph.sources -%}
            {%- set contract = graph.sources[parent] -%}
            {%- do found.update({
                'contract.' ~ contract.source_name ~ '.' ~ contract.name: rules_checksum(contract)
            }) -%}
        {%- endfor -%}
        {%- set meta = node.config.meta or {} -%}
        {%- for name in meta.get('definitions', []) -%}
            {%- do found.update({name: var(name) | string}) -%}
        {%- endfor -%}
        {%- set own = {} -%}
        {%- for name in meta.get('own_definitions', []) -%}
            {%- do own.update({name: var(name) | string}) -%}
        {%- endfor -%}
        {%- do known.update({node.unique_id: {'inherited': found, 'all': dict(found, **own)}}) -%}
    {%- endif -%}
    {{ return(known[node.unique_id].all) }}
{% endmacro %}


{% macro inherited_definitions(node) %}
    {%- if node.resource_type == 'seed' -%}
        {{ return({'seed.' ~ node.name: node.checksum.checksum[:12]}) }}
    {%- endif -%}
    {%- do definitions_of(node) -%}
    {{ return(run_state().definitions[node.unique_id].inherited) }}
{% endmacro %}


{% macro rules_checksum(contract) %}
    {%- set rules = {} -%}
    {%- for column in contract.columns.values() -%}
        {%- set rule = {} -%}
        {%- for name in ['required', 'accepted_values', 'minimum', 'maximum', 'above']
            if name in column.config.meta -%}
            {%- do rule.update({name: column.config.meta[name]}) -%}
        {%- endfor -%}
        {%- if rule or column.name in contract.config.meta.key -%}
            {%- do rules.update({column.name: [column.data_type, rule]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(tojson(
        [contract.config.meta.event_time, contract.config.meta.key, rules], sort_keys=true
    ))[:12]) }}
{% endmacro %}
