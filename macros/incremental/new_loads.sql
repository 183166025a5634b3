{% macro new_loads(entities) %}
    {%- if not execute or is_unit_test() -%}
        {%- set ranges = {} -%}
        {%- for source_name, entity in entities -%}
            {%- do ranges.update({source_name ~ '.' ~ entity: (0, none)}) -%}
        {%- endfor -%}
        {{ return({'ranges': ranges, 'loads': {}, 'changed': true}) }}
    {%- endif -%}
    {%- set newest = newest_loads(entities) -%}
    {%- set consumed = consumed_loads(this) if is_incremental() else {} -%}
    {%- set ranges = {} -%}
    {%- for name, load_id in newest.items() -%}
        {%- if load_id > consumed.get(name, 0) or not is_incremental() -%}
            {%- do ranges.update({name: (consumed.get(name, 0), load_id)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return({'ranges': ranges, 'loads': newest, 'changed': ranges | length > 0}) }}
{% endmacro %}
