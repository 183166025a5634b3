{% macro event_date(column, data_type='timestamp') %}
    {%- if data_type == 'date' -%}
        {{ column }}
    {%- elif var('reporting_timezone') == 'UTC' -%}
        cast({{ column }} as date)
    {%- else -%}
        cast(from_utc_timestamp({{ column }}, '{{ var("reporting_timezone") }}') as date)
    {%- endif -%}
{% endmacro %}
