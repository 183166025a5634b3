{% macro available_loads(of=none) %}
    {#- Of each entity that the inputs are made of: the newest load that all tables reflect which this
        model is made of and which hold the entity. -#}
    {%- set available = {} -%}
    {%- set node = graph.nodes[model.unique_id] -%}
    {%- set inputs = footfall.inputs_of(node) -%}
    {%- for input in footfall.inputs_of(node, of) -%}
        {%- for name in footfall.entities_of(input) if name not in available -%}
            {%- set reflected = [] -%}
            {%- for table in inputs if name in footfall.entities_of(table) -%}
                {%- do reflected.append(footfall.consumed_loads(table).get(name, 0)) -%}
            {%- endfor -%}
            {%- do available.update({name: reflected | min}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(available) }}
{% endmacro %}


{% macro inputs_of(node, of=none) %}
    {#- The tables that a model reads, directly or through views. -#}
    {%- set found = {} -%}
    {%- for parent in node.depends_on.nodes
        if parent in graph.nodes and graph.nodes[parent].resource_type in ['model', 'snapshot'] -%}
        {%- set parent_node = graph.nodes[parent] -%}
        {%- if parent_node.config.materialized == 'view' -%}
            {%- for table in footfall.inputs_of(parent_node) -%}
                {%- do found.update({table.unique_id: table}) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do found.update({parent: parent_node}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set tables = found.values() | list -%}
    {{ return(tables | selectattr('name', 'in', of) | list if of else tables) }}
{% endmacro %}


{% macro entities_of(node) %}
    {#- The source entities that a node is made of. -#}
    {%- set known = footfall.run_state().setdefault('entities', {}) -%}
    {%- if node.unique_id not in known -%}
        {%- set found = {} -%}
        {%- for parent in node.depends_on.get('nodes', []) -%}
            {%- if parent in graph.sources -%}
                {%- set entity = graph.sources[parent] -%}
                {%- if footfall.is_delivered(entity) -%}
                    {%- do found.update({entity.source_name ~ '.' ~ entity.name: true}) -%}
                {%- endif -%}
            {%- elif parent in graph.nodes -%}
                {%- for name in footfall.entities_of(graph.nodes[parent]) -%}
                    {%- do found.update({name: true}) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do known.update({node.unique_id: found | sort}) -%}
    {%- endif -%}
    {{ return(known[node.unique_id]) }}
{% endmacro %}
