{% macro salted(rows, salt) -%}
    select /*+ broadcast(hot_products) */
        {{ rows }}.*,
        {{ salt }} as salt
    from {{ rows }}
    left join hot_products
        on
            {{ rows }}.event_date = hot_products.event_date
            and {{ rows }}.product_id = hot_products.product_id
{%- endmacro %}
