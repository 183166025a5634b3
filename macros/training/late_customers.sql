{% macro late_customers(plan) -%}
    {%- if plan.late_customers -%}
        late_customers as (
            {{ plan.late_customers }}
        ),
    {%- endif -%}
{%- endmacro %}


{% macro and_customers(who) %}
    {%- if who == 'late' -%}
        and customer_id in (select customer_id from late_customers)
    {%- elif who == 'others' -%}
        and customer_id not in (select customer_id from late_customers)
    {%- endif -%}
{% endmacro %}
