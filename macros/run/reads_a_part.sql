{% macro reads_a_part() %}
    {#- With --empty or --sample a run reads no load whole. -#}
    {{ return(true if invocation_args_dict.empty or invocation_args_dict.sample else false) }}
{% endmacro %}


{% macro refuse_to_empty() %}
    {%- if footfall.plans_run() and footfall.reads_a_part() -%}
        {%- set kept = [] -%}
        {%- for unique_id in selected_resources if unique_id in graph.nodes -%}
            {%- set node = graph.nodes[unique_id] -%}
            {%- if node.resource_type in ['model', 'snapshot'] and footfall.properties_of(node) -%}
                {%- do kept.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if kept -%}
            {{ exceptions.raise_compiler_error(
                '--empty and --sample would leave fewer rows in ' ~ kept | length ~ ' built tables and views'
                ~ ': ' ~ kept | sort | join(', ')
                ~ '\n  → Build into other schemas: FOOTFALL_DB_SCHEMA=trial dbt ' ~ flags.WHICH ~ ' --empty'
                ~ '\n    Nothing was changed.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
