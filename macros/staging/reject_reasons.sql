{% macro reject_reasons(contract) %}
    array_compact(concat(
        coalesce(_ingest_errors, cast(array() as array<string>)),
        array(
            {%- for condition, reason in footfall.reject_checks(contract) %}
            case when {{ condition }} then '{{ reason }}' end{{ ',' if not loop.last }}
            {%- endfor %}
        )
    ))
{%- endmacro %}
