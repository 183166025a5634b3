{% macro version_end() -%}
    lead(updated_at) over (partition by user_id order by updated_at, event_key)
{%- endmacro %}
