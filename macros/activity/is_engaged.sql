{% macro is_engaged() -%}
    longest_session_seconds > {{ var('engaged_session_seconds') }}
{%- endmacro %}
