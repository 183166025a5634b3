{% macro session_window() -%}
    partition by user_id
    {%- if footfall.setting('session_split_at_midnight') %}, event_date{% endif %} order by event_time, event_key
{%- endmacro %}
