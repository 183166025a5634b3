{% macro changed_attribute_dates(affected) %}
    {#- A change of a user's attributes touches the days on which they now differ from those that
        the table holds. No such day lies before the change, or before the join where it is the
        user's first. -#}
    {%- if 'app.users' not in affected.ranges -%}
        {{ return(affected) }}
    {%- endif -%}
    {%- set users = model_node('stg_app__users').relation_name -%}
    {%- set bounds = affected.ranges['app.users'] -%}
    {%- set changes -%}
        select
            user_id,
            updated_at,
            least(updated_at, cast(join_date as timestamp)) as since_joined,
            min(updated_at) over (partition by user_id) as first_updated_at,
            _load_id > {{ bounds[0] }} and _load_id <= {{ bounds[1] }} as is_new
        from {{ users }}
    {%- endset -%}
    {%- set first_day = query_dates(
        'select cast(coalesce(min(if(new.updated_at > old.first_updated_at, new.updated_at, old.since_joined)),'
        ~ " timestamp'9999-12-31') as date) from (" ~ changes ~ ') as new inner join (' ~ changes
        ~ ') as old on new.user_id = old.user_id where new.is_new'
    )[0] -%}
    {%- set differs = [] -%}
    {%- for attribute in user_attributes() -%}
        {%- do differs.append(
            'days.' ~ attribute ~ ' <> coalesce(now.' ~ attribute ~ ", 'unknown')"
        ) -%}
    {%- endfor -%}
    {%- set changed = query_dates(
        'select distinct days.event_date from ' ~ this ~ ' as days left join '
        ~ model_node('dim_users').relation_name ~ ' as now on days.user_id = now.user_id and '
        ~ holds_at_end_of('days.event_date', 'now')
        ~ ' where days.user_id in (select user_id from (' ~ changes ~ ') where is_new)'
        ~ " and days.event_date >= date'" ~ first_day ~ "' and (" ~ differs | join(' or ') ~ ')'
    ) -%}
    {{ return(dict(affected, dates=(affected.dates + changed) | unique | sort)) }}
{% endmacro %}
