{% macro new_loads(entities) %}
    {%- if not footfall.plans_run() -%}
        {%- set ranges = {} -%}
        {%- for source_name, entity in entities -%}
            {%- do ranges.update({source_name ~ '.' ~ entity: (0, none)}) -%}
        {%- endfor -%}
        {{ return({'ranges': ranges, 'loads': {}, 'changed': true, 'entities': entities}) }}
    {%- endif -%}
    {#- What is made of tables sees what they reflect, what is made of sources all that arrived. -#}
    {%- set newest = footfall.available_loads() or footfall.newest_loads(entities) -%}
    {%- set consumed = footfall.consumed_loads(model) if is_incremental() else {} -%}
    {%- set ranges = footfall.loads_since(consumed, newest, from_nothing=not is_incremental()) -%}
    {%- set changed = [] -%}
    {%- for source_name, entity in entities if source_name ~ '.' ~ entity in ranges -%}
        {%- do changed.append((source_name, entity)) -%}
    {%- endfor -%}
    {{ return({
        'ranges': ranges,
        'loads': newest,
        'changed': changed | length > 0,
        'entities': changed or entities[:1],
    }) }}
{% endmacro %}
