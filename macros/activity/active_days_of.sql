{% macro active_days_of(user_months) -%}
    select
        planes.user_id,
        planes.definition,
        date_add(planes.month_start, days_of_month.days_after) as active_date,
        planes.month_start
    from ({{ footfall.active_planes_of(user_months) }}) as planes
    inner join (select explode(sequence(0, 30)) as days_after) as days_of_month
        on getbit(planes.active_days, days_of_month.days_after) = 1
{%- endmacro %}
