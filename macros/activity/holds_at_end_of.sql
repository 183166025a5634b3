{% macro holds_at_end_of(day, intervals) -%}
    {{ intervals }}.valid_from < {{ footfall.start_of_day('date_add(' ~ day ~ ', 1)') }}
    and coalesce({{ intervals }}.valid_to >= {{ footfall.start_of_day('date_add(' ~ day ~ ', 1)') }}, true)
{%- endmacro %}
