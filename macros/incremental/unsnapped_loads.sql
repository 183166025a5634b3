{% macro unsnapped_loads(source_name, entity) %}
    {%- if not plans_run() -%}
        {{ return(new_loads([(source_name, entity)])) }}
    {%- endif -%}
    {%- set available = available_loads(['stg_' ~ source_name ~ '__' ~ entity]) -%}
    {%- set built = load_cached_relation(this) is not none -%}
    {%- set consumed = consumed_loads(this) if built and not flags.FULL_REFRESH else {} -%}
    {%- set ranges = {} -%}
    {%- for name, load_id in available.items() if load_id > consumed.get(name, 0) or not built -%}
        {%- do ranges.update({name: (consumed.get(name, 0), load_id)}) -%}
    {%- endfor -%}
    {{ return({'ranges': ranges, 'loads': available, 'changed': ranges | length > 0}) }}
{% endmacro %}


{% macro empty_snapshot() %}
    {#- dbt never rebuilds a snapshot. This one keeps nothing that staging does not hold, so that
        --full-refresh may; what it reflects goes first, lest a crash leaves it empty for good. -#}
    {%- if execute and flags.FULL_REFRESH and load_cached_relation(this) is not none -%}
        {%- for name in footfall_properties(this) | list -%}
            {%- do run_query('alter table ' ~ this ~ " unset tblproperties if exists ('" ~ name ~ "')") -%}
        {%- endfor -%}
        {%- do run_state().properties.update({this | string: {}}) -%}
        delete from {{ this }}
    {%- endif -%}
{% endmacro %}
