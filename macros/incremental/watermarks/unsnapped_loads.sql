{% macro unsnapped_loads(source_name, entity) %}
    {%- if not footfall.plans_run() -%}
        {{ return(footfall.new_loads([(source_name, entity)])) }}
    {%- endif -%}
    {%- set available = footfall.available_loads() -%}
    {%- set built = footfall.is_built(model) -%}
    {%- set consumed = footfall.consumed_loads(model) if built and not flags.FULL_REFRESH else {} -%}
    {%- set ranges = footfall.loads_since(consumed, available, from_nothing=not built) -%}
    {{ return({'ranges': ranges, 'loads': available, 'changed': ranges | length > 0}) }}
{% endmacro %}
