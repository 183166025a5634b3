{% macro session_max_seconds() %}
    {%- set minutes = var('session_max_minutes') -%}
    {{ return(none if minutes is none else minutes * 60) }}
{% endmacro %}
