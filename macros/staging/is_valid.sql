{% macro is_valid(contract) -%}
    not (
        coalesce(size(_ingest_errors), 0) > 0
        {%- for condition, reason in footfall.reject_checks(contract) %}
        or coalesce({{ condition }}, false)
        {%- endfor %}
    )
{%- endmacro %}
