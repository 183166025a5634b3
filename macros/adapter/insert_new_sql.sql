{% macro insert_new_sql(source, target, unique_key, dates) %}
    merge into {{ target }} as existing
    using {{ source }} as arriving
    on existing.{{ unique_key }} = arriving.{{ unique_key }}
        {%- if dates %}
        and existing.event_date = arriving.event_date
        and {{ footfall.in_dates('existing.event_date', {'whole': false, 'dates': dates}) }}
        {%- endif %}
    when not matched then insert *
{% endmacro %}
