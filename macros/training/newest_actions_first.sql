{% macro newest_actions_first(actions) -%}
    slice(sort_array({{ actions }}, false), 1, {{ var('sequence_length') | int }})
{%- endmacro %}
