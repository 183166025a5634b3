{% macro starts_session(event_time, window) %}
    coalesce(
        {{ event_time }} >= lag({{ event_time }}) over ({{ window }})
        + interval {{ var('session_gap_minutes') | int }} minutes,
        true
    )
{%- endmacro %}
