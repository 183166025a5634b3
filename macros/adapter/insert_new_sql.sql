{% macro insert_new_sql(source, target, unique_key, dates, replaced) %}
    merge into {{ target }} as existing
    using {{ source }} as arriving
    on existing.{{ unique_key }} = arriving.{{ unique_key }}
        {%- if dates %}
        and existing.event_date = arriving.event_date
        and {{ footfall.in_dates('existing.event_date', {'whole': false, 'dates': dates}) }}
        {%- endif %}
    {%- if replaced %}
    {%- set is_replaced = footfall.in_dates('existing.event_date', {'whole': false, 'dates': replaced}) | trim %}
    when matched and {{ is_replaced }} then update set *
    {%- endif %}
    when not matched then insert *
    {%- if replaced %}
    when not matched by source and {{ is_replaced }} then delete
    {%- endif %}
{% endmacro %}
