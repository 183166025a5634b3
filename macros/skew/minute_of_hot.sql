{% macro minute_of_hot(time) -%}
    case when hot_products.product_id is not null then date_trunc('minute', {{ time }}) end
{%- endmacro %}
