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
    {#- Of the checks as they are rendered: a rule that changes here changes it too. -#}
    {%- set types = {} -%}
    {%- for column in contract.columns.values()
        if column.config.meta or column.name in contract.config.meta.key -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {{ return(local_md5(tojson(
        [contract.config.meta.event_time, event_key(contract), types, reject_checks(contract)],
        sort_keys=true
    ))[:12]) }}
{% endmacro %}
