{% macro quintile(order_by, partition_by) -%}
    1 + least(
        4,
        5 * (rank() over (partition by {{ partition_by }} order by {{ order_by }}) - 1)
        div greatest(count(*) over (partition by {{ partition_by }}) - 1, 1)
    )
{%- endmacro %}
