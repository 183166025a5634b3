{% macro salt_buckets(share) -%}
    {#- Compared, not computed: a logarithm of the same share differs from engine to engine in its last bit. -#}
    {%- set hot = footfall.setting('hot_product_share') -%}
    {%- set most = footfall.setting('hot_product_max_buckets') -%}
    case
        {%- for doublings in range(1, 14) if 2 ** doublings < most %}
        when {{ share }} <= {{ hot * 2 ** doublings }} then {{ 2 ** doublings }}
        {%- endfor %}
        when {{ share }} is not null then {{ most }}
    end
{%- endmacro %}
