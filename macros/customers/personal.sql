{% macro personal(column, is_number=false) -%}
    {%- set shown = footfall.setting('personal_data') -%}
    {%- if shown == 'hashed' -%}
        {{ footfall.keyed_hash(
            "regexp_replace(" ~ column ~ ", '[^0-9+]', '')" if is_number else 'lower(trim(' ~ column ~ '))'
        ) }}
    {%- elif shown -%}
        {{ column }}
    {%- else -%}
        cast(null as string)
    {%- endif -%}
{%- endmacro %}
