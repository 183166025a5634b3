{% macro active_planes_of(user_months) -%}
    select
        user_id,
        month_start,
        planes.definition,
        planes.active_days
    from {{ user_months }}
        lateral view {{ footfall.by_definition('*_days') }} planes as definition, active_days
    where planes.active_days > 0
{%- endmacro %}
