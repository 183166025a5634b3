{% macro changed_attribute_dates(affected) %}
    {#- A change of a user's attributes touches the days on which they now differ from those that
        the table holds. -#}
    {%- if 'app.users' not in affected.ranges -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set differs = [] -%}
    {%- for attribute in footfall.user_attributes() -%}
        {%- do differs.append(
            'days.' ~ attribute ~ ' <> coalesce(now.' ~ attribute ~ ", 'unknown')"
        ) -%}
    {%- endfor -%}
    {%- set changed = footfall.query_dates(
        footfall.days_of_new_attributes(this, affected.ranges['app.users']) ~ ' left join '
        ~ footfall.model_node('dim_users').relation_name ~ ' as now on days.user_id = now.user_id and '
        ~ footfall.holds_at_end_of('days.event_date', 'now') ~ ' where ' ~ differs | join(' or ')
    ) -%}
    {{ return(dict(affected, dates=(affected.dates + changed) | unique | sort)) }}
{% endmacro %}
