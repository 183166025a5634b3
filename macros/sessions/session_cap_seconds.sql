{% macro session_cap_seconds(duration_seconds, day) -%}
    {%- set percentile = var('session_cap_percentile') -%}
    {%- if percentile is not none -%}
        percentile({{ duration_seconds }}, {{ percentile }}) over (partition by {{ day }})
    {%- else -%}
        cast({{ footfall.session_max_seconds() or 'null' }} as double)
    {%- endif -%}
{%- endmacro %}
