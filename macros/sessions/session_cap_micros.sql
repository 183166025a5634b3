{% macro session_cap_micros(duration_micros, day) -%}
    {%- set percentile = var('session_cap_percentile') -%}
    {%- set longest = footfall.session_max_seconds() -%}
    {%- if percentile is not none -%}
        cast(round(percentile({{ duration_micros }}, {{ percentile }}) over (partition by {{ day }})) as bigint)
    {%- else -%}
        cast({{ longest * 1000000 if longest else 'null' }} as bigint)
    {%- endif -%}
{%- endmacro %}
