{% macro optimize_sql(relation, predicate=none, zorder_by=none) -%}
    optimize {{ relation }}
    {%- if predicate and predicate != 'true' %} where {{ predicate }}{% endif %}
    {%- if zorder_by %} zorder by ({{ zorder_by | join(', ') }}){% endif %}
{%- endmacro %}
