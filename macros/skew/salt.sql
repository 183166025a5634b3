{% macro salt(row_key, buckets) -%}
    cast(pmod(xxhash64({{ row_key }}), coalesce({{ buckets }}, 1)) as int)
{%- endmacro %}
