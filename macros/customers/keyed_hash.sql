{% macro keyed_hash(text) -%}
    {#- The halves of the key are configuration of the session: compiled SQL has their names alone. -#}
    sha2(
        concat(
            unhex('${spark.footfall.hash.outer}'),
            unhex(sha2(concat(unhex('${spark.footfall.hash.inner}'), encode({{ text }}, 'UTF-8')), 256))
        ),
        256
    )
{%- endmacro %}


{% macro require_hash_key() %}
    {%- if footfall.plans_run() and footfall.setting('personal_data') == 'hashed' -%}
        {%- if run_query(
            "select length('${spark.footfall.hash.inner}') <> 128 as is_missing"
        ).rows[0][0] -%}
            {{ exceptions.raise_compiler_error(
                'personal_data: hashed needs a key.\n  → Set FOOTFALL_HASH_KEY to at least 16 characters'
                ~ ' that only you know, and keep them: another key makes other hashes.'
                ~ '\n    A server of its own (thrift, databricks) gets no key: set personal_data to false there.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
