{% macro start_of_day(day) %}
    {%- if var('reporting_timezone') == 'UTC' -%}
        cast({{ day }} as timestamp)
    {%- else -%}
        to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("reporting_timezone") }}')
    {%- endif -%}
{% endmacro %}
