{% macro start_of_day(day) %}
    {%- if footfall.setting('reporting_timezone') == 'UTC' -%}
        cast({{ day }} as timestamp)
    {%- else -%}
        to_utc_timestamp(cast({{ day }} as timestamp), '{{ footfall.setting('reporting_timezone') }}')
    {%- endif -%}
{% endmacro %}
