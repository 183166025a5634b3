{% macro unsnapped_loads(source_name, entity) %}
    {%- if not footfall.plans_run() -%}
        {{ return(footfall.new_loads([(source_name, entity)])) }}
    {%- endif -%}
    {%- set available = footfall.available_loads() -%}
    {%- set built = footfall.is_built(model) -%}
    {%- set consumed = footfall.consumed_loads(model) if built and not flags.FULL_REFRESH else {} -%}
    {%- set ranges = {} -%}
    {%- for name, load_id in available.items() if load_id > consumed.get(name, 0) or not built -%}
        {%- do ranges.update({name: (consumed.get(name, 0), load_id)}) -%}
    {%- endfor -%}
    {{ return({'ranges': ranges, 'loads': available, 'changed': ranges | length > 0}) }}
{% endmacro %}
