{% macro forget_state() %}
    {#- A table that is written anew says first that it reflects nothing: what a crash leaves is then
        built again, and no load of before counts as read. Spark's `create or replace` does it itself. -#}
    {%- if execute and flags.FULL_REFRESH and footfall.is_built(model) -%}
        {%- set names = footfall.properties_of(model) | list -%}
        {%- if names -%}
            {%- do run_query(
                'alter table ' ~ this ~ " unset tblproperties if exists ('" ~ names | join("', '") ~ "')"
            ) -%}
        {%- endif -%}
        {%- do footfall.run_state().properties.update({model.unique_id: {}}) -%}
    {%- endif -%}
{% endmacro %}


{% macro empty_snapshot() %}
    {#- dbt never rebuilds a snapshot. This one keeps nothing that staging does not hold, so that
        --full-refresh may. -#}
    {%- if execute and flags.FULL_REFRESH and footfall.is_built(model) -%}
        {%- do footfall.forget_state() -%}
        delete from {{ this }}
    {%- endif -%}
{% endmacro %}
