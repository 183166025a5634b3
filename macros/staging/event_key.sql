{% macro event_key(contract) %}
    {%- set parts = [] -%}
    {%- for name in contract.config.meta.key -%}
        {%- set data_type = contract.columns[name].data_type -%}
        {%- set text = 'unix_micros(' ~ name ~ ')' if data_type == 'timestamp' else name -%}
        {%- do parts.append("coalesce(cast(" ~ text ~ " as string), '\\u0000')") -%}
    {%- endfor -%}
    md5(concat_ws('\u001f', {{ parts | join(', ') }}))
{%- endmacro %}
