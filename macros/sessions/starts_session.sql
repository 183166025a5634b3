{% macro starts_session(event_time, previous_event_time) %}
    coalesce(
        {{ event_time }} >= {{ previous_event_time }}
        + interval {{ footfall.setting('session_gap_minutes') | int }} minutes,
        true
    )
{%- endmacro %}
