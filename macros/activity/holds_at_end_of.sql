{% macro holds_at_end_of(day, intervals) -%}
    {{ intervals }}.valid_from < {{ start_of_day('date_add(' ~ day ~ ', 1)') }}
    and coalesce({{ intervals }}.valid_to >= {{ start_of_day('date_add(' ~ day ~ ', 1)') }}, true)
{%- endmacro %}
