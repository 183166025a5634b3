{% macro active_days_of(user_months) -%}
    select
        planes.user_id,
        planes.definition,
        date_add(planes.month_start, days_of_month.days_after) as active_date,
        planes.month_start
    from (
        select
            user_id,
            month_start,
            definitions.definition,
            definitions.active_days
        from {{ user_months }}
            lateral view {{ footfall.by_definition('*_days') }} definitions as definition, active_days
    ) as planes
    inner join (select explode(sequence(0, 30)) as days_after) as days_of_month
        on getbit(planes.active_days, days_of_month.days_after) = 1
{%- endmacro %}
