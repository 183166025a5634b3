{% macro action_code(action) -%}
    cast({{ {'click': 1, 'cart': 2, 'order': 3}[action] }} as tinyint)
{%- endmacro %}
